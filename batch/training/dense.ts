/** Small dense linear algebra in float64, and tall float32 matrices [rows, width], row-major, beside it. */

/** ZᵀZ [width, width] of a tall matrix, accumulated in float64. */
export function gram(tall: Float32Array, width: number): Float64Array {
  const product = new Float64Array(width * width);
  const row = new Float64Array(width);
  for (let start = 0; start < tall.length; start += width) {
    for (let j = 0; j < width; j++) row[j] = tall[start + j]!;
    for (let i = 0; i < width; i++) {
      const value = row[i]!;
      if (value === 0) continue;
      const at = i * width;
      for (let j = i; j < width; j++) product[at + j]! += value * row[j]!;
    }
  }
  for (let i = 0; i < width; i++) {
    for (let j = 0; j < i; j++) product[i * width + j] = product[j * width + i]!;
  }
  return product;
}

/** Z · S for a tall Z [rows, width] and a small, row-major S [width, columns]. */
export function multiplySmall(
  tall: Float32Array,
  width: number,
  small: Float64Array,
  columns: number,
): Float32Array {
  const rows = tall.length / width;
  const out = new Float32Array(rows * columns);
  const sum = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    sum.fill(0);
    for (let i = 0; i < width; i++) {
      const value = tall[row * width + i]!;
      if (value === 0) continue;
      const at = i * columns;
      for (let j = 0; j < columns; j++) sum[j]! += value * small[at + j]!;
    }
    out.set(sum, row * columns);
  }
  return out;
}

/**
 * R⁻¹ (upper triangular) of the Cholesky factorisation G = RᵀR of a positive semi-definite G. A direction in which G
 * holds no more than rounding gets a column of zeros instead of noise.
 */
function inverseCholesky(matrix: Float64Array, size: number): Float64Array {
  const upper = new Float64Array(size * size);
  const inverse = new Float64Array(size * size);
  for (let j = 0; j < size; j++) {
    for (let i = 0; i <= j; i++) {
      let sum = matrix[i * size + j]!;
      for (let k = 0; k < i; k++) sum -= upper[k * size + i]! * upper[k * size + j]!;
      if (i < j) {
        const pivot = upper[i * size + i]!;
        upper[i * size + j] = pivot === 0 ? 0 : sum / pivot;
      } else {
        upper[j * size + j] = sum > 1e-10 * matrix[j * size + j]! ? Math.sqrt(sum) : 0;
      }
    }
    const pivot = upper[j * size + j]!;
    if (pivot === 0) continue;
    for (let i = 0; i < j; i++) {
      let sum = 0;
      for (let k = i; k < j; k++) sum += inverse[i * size + k]! * upper[k * size + j]!;
      inverse[i * size + j] = -sum / pivot;
    }
    inverse[j * size + j] = 1 / pivot;
  }
  return inverse;
}

/**
 * Orthonormal columns that span those of a tall matrix (Cholesky QR); columns that depend on earlier ones become zeros.
 */
export const orthonormalise = (tall: Float32Array, width: number): Float32Array =>
  multiplySmall(tall, width, inverseCholesky(gram(tall, width), width), width);

/**
 * Eigenvalues (descending) of a symmetric matrix and its eigenvectors, which are the columns of `vectors`; by cyclic
 * Jacobi rotations (Golub & Van Loan, §8.5). Each vector's largest component is positive, so that the sign is settled.
 */
export function symmetricEigen(
  matrix: Float64Array,
  size: number,
): { readonly values: Float64Array; readonly vectors: Float64Array } {
  const a = matrix.slice();
  // Rows of `basis` are the vectors: a rotation then touches two contiguous rows.
  const basis = new Float64Array(size * size);
  for (let i = 0; i < size; i++) basis[i * size + i] = 1;
  const total = Math.sqrt(a.reduce((sum, value) => sum + value * value, 0));
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) off += a[p * size + q]! ** 2;
    }
    if (Math.sqrt(off) <= 1e-14 * total) break;
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) rotate(a, basis, size, p, q);
    }
  }
  const order = Array.from({ length: size }, (_, i) => i).sort(
    (i, j) => a[j * size + j]! - a[i * size + i]! || i - j,
  );
  const vectors = new Float64Array(size * size);
  for (const [column, from] of order.entries()) {
    const vector = basis.subarray(from * size, (from + 1) * size);
    const peak = vector.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
    for (let i = 0; i < size; i++) vectors[i * size + column] = peak < 0 ? -vector[i]! : vector[i]!;
  }
  return { values: Float64Array.from(order, (i) => a[i * size + i]!), vectors };
}

/** Zeroes a[p][q] by a rotation in the plane (p, q), on both sides of `a`, and turns `basis` along. */
function rotate(a: Float64Array, basis: Float64Array, size: number, p: number, q: number): void {
  const apq = a[p * size + q]!;
  const app = a[p * size + p]!;
  const aqq = a[q * size + q]!;
  if (Math.abs(apq) <= 1e-18 * Math.sqrt(Math.abs(app * aqq))) return;
  const theta = (aqq - app) / (2 * apq);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const cosine = 1 / Math.hypot(t, 1);
  const sine = t * cosine;
  const turn = (rows: Float64Array): void => {
    for (let k = 0; k < size; k++) {
      const x = rows[p * size + k]!;
      const y = rows[q * size + k]!;
      rows[p * size + k] = cosine * x - sine * y;
      rows[q * size + k] = sine * x + cosine * y;
    }
  };
  turn(basis);
  turn(a);
  for (let k = 0; k < size; k++) {
    a[k * size + p] = a[p * size + k]!;
    a[k * size + q] = a[q * size + k]!;
  }
  a[p * size + p] = app - t * apq;
  a[q * size + q] = aqq + t * apq;
  a[p * size + q] = 0;
  a[q * size + p] = 0;
}
