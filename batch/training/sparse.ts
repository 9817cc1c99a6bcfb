import type { Dataset } from '../data/dataset.ts';

/** A sparse matrix by rows (CSR): row r has `values[i]` in column `indices[i]` for offsets[r] ≤ i < offsets[r + 1]. */
export interface SparseMatrix {
  readonly rows: number;
  readonly columns: number;
  /** [rows + 1] */
  readonly offsets: Uint32Array;
  /** Ascending within a row, each column at most once. */
  readonly indices: Int32Array;
  readonly values: Float32Array;
}

/**
 * The user × item matrix of a dataset: one entry for each different item of a user, with the largest weight among
 * their events on it (1 everywhere where all kinds count alike). Column 0, the padding item, is empty.
 */
export function interactionMatrix(dataset: Dataset): SparseMatrix {
  const users = dataset.userIds.length;
  const columns = dataset.itemIds.length;
  const offsets = new Uint32Array(users + 1);
  const indices = new Int32Array(dataset.items.length);
  const values = new Float32Array(dataset.items.length);
  const largest = new Float32Array(columns);
  let size = 0;
  for (let user = 0; user < users; user++) {
    const start = size;
    for (let event = dataset.offsets[user]!; event < dataset.offsets[user + 1]!; event++) {
      const item = dataset.items[event]!;
      const weight = dataset.weights[event]!;
      if (!(weight > 0)) continue;
      if (largest[item] === 0) indices[size++] = item;
      if (weight > largest[item]!) largest[item] = weight;
    }
    indices.subarray(start, size).sort();
    for (let at = start; at < size; at++) {
      values[at] = largest[indices[at]!]!;
      largest[indices[at]!] = 0;
    }
    offsets[user + 1] = size;
  }
  return { rows: users, columns, offsets, indices: indices.slice(0, size), values: values.slice(0, size) };
}

/** Mᵀ, in one counting pass. */
export function transpose(matrix: SparseMatrix): SparseMatrix {
  const offsets = new Uint32Array(matrix.columns + 1);
  for (const column of matrix.indices) offsets[column + 1]!++;
  for (let column = 0; column < matrix.columns; column++) offsets[column + 1]! += offsets[column]!;
  const next = offsets.slice(0, -1);
  const indices = new Int32Array(matrix.indices.length);
  const values = new Float32Array(matrix.values.length);
  for (let row = 0; row < matrix.rows; row++) {
    for (let at = matrix.offsets[row]!; at < matrix.offsets[row + 1]!; at++) {
      const to = next[matrix.indices[at]!]!++;
      indices[to] = row;
      values[to] = matrix.values[at]!;
    }
  }
  return { rows: matrix.columns, columns: matrix.rows, offsets, indices, values };
}

/** Sum of each column. */
export function columnSums(matrix: SparseMatrix): Float64Array {
  const sums = new Float64Array(matrix.columns);
  for (let at = 0; at < matrix.indices.length; at++) sums[matrix.indices[at]!]! += matrix.values[at]!;
  return sums;
}

/** Sum of each row. */
export function rowSums(matrix: SparseMatrix): Float64Array {
  const sums = new Float64Array(matrix.rows);
  for (let row = 0; row < matrix.rows; row++) {
    for (let at = matrix.offsets[row]!; at < matrix.offsets[row + 1]!; at++) sums[row]! += matrix.values[at]!;
  }
  return sums;
}

/** D^−power of a diagonal matrix of degrees; what has none stays out. */
export const damping = (degrees: Float64Array, power: number): Float64Array =>
  degrees.map((degree) => (degree > 0 ? degree ** -power : 0));

/** diag(left) · M · diag(right); a matrix of the same pattern. */
export function scale(matrix: SparseMatrix, left: Float64Array, right: Float64Array): SparseMatrix {
  const values = new Float32Array(matrix.values.length);
  for (let row = 0; row < matrix.rows; row++) {
    for (let at = matrix.offsets[row]!; at < matrix.offsets[row + 1]!; at++) {
      values[at] = left[row]! * matrix.values[at]! * right[matrix.indices[at]!]!;
    }
  }
  return { ...matrix, values };
}

/**
 * M · D for dense, row-major D [columns, width]; the result is [rows, width]. Four entries of a row at a time, so
 * that a row of the result is read and written a quarter as often.
 */
export function multiply(
  matrix: SparseMatrix,
  dense: Float32Array,
  width: number,
  out = new Float32Array(matrix.rows * width),
): Float32Array {
  const { offsets, indices, values } = matrix;
  const sum = new Float64Array(width);
  for (let row = 0; row < matrix.rows; row++) {
    sum.fill(0);
    let at = offsets[row]!;
    const end = offsets[row + 1]!;
    for (; at + 4 <= end; at += 4) {
      const a = indices[at]! * width;
      const b = indices[at + 1]! * width;
      const c = indices[at + 2]! * width;
      const d = indices[at + 3]! * width;
      const va = values[at]!;
      const vb = values[at + 1]!;
      const vc = values[at + 2]!;
      const vd = values[at + 3]!;
      for (let j = 0; j < width; j++) {
        sum[j]! += va * dense[a + j]! + vb * dense[b + j]! + vc * dense[c + j]! + vd * dense[d + j]!;
      }
    }
    for (; at < end; at++) {
      const a = indices[at]! * width;
      const va = values[at]!;
      for (let j = 0; j < width; j++) sum[j]! += va * dense[a + j]!;
    }
    out.set(sum, row * width);
  }
  return out;
}

/**
 * The rows of the Gram matrix MᵀM, one at a time: the returned function calls `visit` with each column that shares a row
 * with `column` (itself too, in no order) and Σ over M's rows of value[column] · value[other]. M's entries must be
 * positive. Costs Σ n² for all rows, n the entries of one row of M, and memory for one row.
 */
export function gramRows(
  matrix: SparseMatrix,
): (column: number, visit: (other: number, sum: number) => void) => void {
  const byColumn = transpose(matrix);
  const sums = new Float64Array(matrix.columns);
  const touched = new Int32Array(matrix.columns);
  return (column, visit) => {
    let count = 0;
    for (let at = byColumn.offsets[column]!; at < byColumn.offsets[column + 1]!; at++) {
      const row = byColumn.indices[at]!;
      const value = byColumn.values[at]!;
      const end = matrix.offsets[row + 1]!;
      for (let entry = matrix.offsets[row]!; entry < end; entry++) {
        const other = matrix.indices[entry]!;
        if (sums[other] === 0) touched[count++] = other;
        sums[other]! += value * matrix.values[entry]!;
      }
    }
    for (let i = 0; i < count; i++) {
      const other = touched[i]!;
      visit(other, sums[other]!);
      sums[other] = 0;
    }
  };
}
