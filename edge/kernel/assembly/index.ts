// AssemblyScript: compiled to kernel.wasm by ../build.ts, called through ../kernel.ts. The memory is the host's, and
// so is its layout; every argument that is a `usize` is a byte address. Plain SIMD only: relaxed SIMD may round
// differently from one machine to the next, and then so would scores.

/**
 * Heap entries are one i64 each: the score's bits in an order-preserving form above, the complemented index below.
 * So "ranks before" (higher score, then smaller index) is `>` on whole entries, and no two entries are equal.
 */
@inline
function entry(score: f32, index: u32): i64 {
  return (<i64>ordered(reinterpret<i32>(score + 0)) << 32) | <i64>~index; // + 0 makes −0 a 0: they tie
}

/** Maps f32 bits to integers of the same order, and back. */
@inline
function ordered(bits: i32): i32 {
  return bits ^ ((bits >> 31) & 0x7fffffff);
}

@inline
function scoreOf(entry: i64): f32 {
  return reinterpret<f32>(ordered(<i32>(entry >> 32)));
}

/** Replaces the root of the heap (`size` entries, lowest at the root) by `value`. */
function replaceRoot(heap: usize, size: u32, value: i64): void {
  let parent: u32 = 0;
  for (;;) {
    let child: u32 = 2 * parent + 1;
    if (child >= size) break;
    let smaller = load<i64>(heap + (<usize>child << 3));
    if (child + 1 < size) {
      const right = load<i64>(heap + (<usize>(child + 1) << 3));
      if (right < smaller) {
        smaller = right;
        child++;
      }
    }
    if (smaller >= value) break;
    store<i64>(heap + (<usize>parent << 3), smaller);
    parent = child;
  }
  store<i64>(heap + (<usize>parent << 3), value);
}

/** Sixteen products of int8 and int16, added up into four lanes. */
@inline
function dot16(row: usize, low: v128, high: v128): v128 {
  return i32x4.add(
    i32x4.dot_i16x8_s(v128.load8x8_s(row), low),
    i32x4.dot_i16x8_s(v128.load8x8_s(row, 8), high),
  );
}

/** [sum of a's lanes, of b's, of c's, of d's] */
@inline
function sums(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = i32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
  const cd = i32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
  return i32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3));
}

/** Dot products of four consecutive rows with the query. */
@inline
function dot4(row: usize, dimensions: usize, query: usize): v128 {
  let a = i32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  for (let j: usize = 0; j < dimensions; j += 16) {
    const low = v128.load(query + 2 * j);
    const high = v128.load(query + 2 * j, 16);
    const at = row + j;
    a = i32x4.add(a, dot16(at, low, high));
    b = i32x4.add(b, dot16(at + dimensions, low, high));
    c = i32x4.add(c, dot16(at + 2 * dimensions, low, high));
    d = i32x4.add(d, dot16(at + 3 * dimensions, low, high));
  }
  return sums(a, b, c, d);
}

@inline
function lane(scores: v128, index: u32): f32 {
  if (index < 2) return index == 0 ? f32x4.extract_lane(scores, 0) : f32x4.extract_lane(scores, 1);
  return index == 2 ? f32x4.extract_lane(scores, 2) : f32x4.extract_lane(scores, 3);
}

/**
 * The `k` best rows by `(values[row] · query) × scales[row] × queryScale + biases[row]`, best first. Returns how many
 * there are; rows whose score is not finite never rank.
 *
 * `values` int8 [rows][dimensions], `scales` and `biases` f32 [rows] (`biases` 0: none), `bounds` f32 [rows / 32][2]: a block's
 * largest norm and bias, so that by Cauchy and Schwarz no score in it exceeds norm × queryNorm + bias; `rows` a multiple of 32,
 * `dimensions` of 16; `query` int16 [dimensions], small enough that no dot product overflows; `excluded` a bitmap of
 * rows, lowest bit first; `heap` room for k entries of 8 bytes; `ranked` receives row numbers, u32 [k], and behind
 * them scores, f32 [k].
 */
export function scan(
  values: usize,
  scales: usize,
  biases: usize,
  bounds: usize,
  rows: u32,
  dimensions: usize,
  query: usize,
  queryScale: f32,
  queryNorm: f32,
  excluded: usize,
  heap: usize,
  k: u32,
  ranked: usize,
): u32 {
  if (k == 0) return 0;
  let worst: f32 = -Infinity;
  for (let i: u32 = 0; i < k; i++) store<i64>(heap + (<usize>i << 3), entry(worst, u32.MAX_VALUE));
  const factor = f32x4.splat(queryScale);
  let entered: u32 = 0;
  for (let block: u32 = 0; block < rows; block += 32) {
    const allowed = ~load<u32>(excluded + (block >> 3));
    if (allowed == 0) continue;
    const bound = bounds + (<usize>block >> 2);
    if (load<f32>(bound) * queryNorm + load<f32>(bound, 4) < worst) continue;
    for (let row = block; row < block + 32; row += 4) {
      if (((allowed >> (row & 31)) & 15) == 0) continue;
      const dots = f32x4.convert_i32x4_s(dot4(values + <usize>row * dimensions, dimensions, query));
      let scores = f32x4.mul(f32x4.mul(dots, v128.load(scales + (<usize>row << 2))), factor);
      if (biases != 0) scores = f32x4.add(scores, v128.load(biases + (<usize>row << 2)));
      let hits = <u32>i32x4.bitmask(f32x4.gt(scores, f32x4.splat(worst))) & (allowed >> (row & 31)) & 15;
      while (hits != 0) {
        const index = ctz(hits);
        hits &= hits - 1;
        const score = lane(scores, index);
        if (!(score > worst) || score == Infinity) continue;
        replaceRoot(heap, k, entry(score, row + index));
        worst = scoreOf(load<i64>(heap));
        entered++;
      }
    }
  }
  const found = min(entered, k);
  takeApart(heap, k, found, ranked);
  return found;
}

/** Empties the heap, lowest entry first, into row numbers and scores. Places that no row took are the lowest. */
function takeApart(heap: usize, k: u32, found: u32, ranked: usize): void {
  for (let end = k; end-- > 0; ) {
    const lowest = load<i64>(heap);
    replaceRoot(heap, end, load<i64>(heap + (<usize>end << 3)));
    if (end >= found) continue;
    store<u32>(ranked + (<usize>end << 2), ~(<u32>lowest));
    store<f32>(ranked + (<usize>(k + end) << 2), scoreOf(lowest));
  }
}

/** Dequantises the listed rows: `out` f32 [count][dimensions] = values[indices[i]] × scales[indices[i]]. */
export function gather(
  values: usize,
  scales: usize,
  dimensions: usize,
  indices: usize,
  count: u32,
  out: usize,
): void {
  for (let i: u32 = 0; i < count; i++) {
    const row = <usize>load<u32>(indices + (<usize>i << 2));
    const scale = f32x4.splat(load<f32>(scales + (row << 2)));
    for (let end = out + (dimensions << 2), at = values + row * dimensions; out < end; out += 16, at += 4) {
      const four = i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(at)));
      v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(four), scale));
    }
  }
}

/**
 * Sets in `out`, a bitmap of rows, lowest bit first, those whose code lies in low…high, both included; clears the others, or
 * with `keep` leaves them. `codes` u8, u16 or u32 (`width` 1, 2, 4) [rows], `rows` a multiple of 32.
 */
export function match(
  codes: usize,
  width: u32,
  rows: u32,
  low: u32,
  high: u32,
  out: usize,
  keep: bool,
): void {
  const end = out + (rows >> 3);
  const mask: u32 = keep ? u32.MAX_VALUE : 0;
  if (width == 1) {
    const lows = i8x16.splat(<u8>low);
    const highs = i8x16.splat(<u8>high);
    for (let at = codes; out < end; out += 4, at += 32) {
      const hits = <u32>within8(v128.load(at), lows, highs) | (<u32>within8(v128.load(at, 16), lows, highs) << 16);
      store<u32>(out, hits | (load<u32>(out) & mask));
    }
  } else if (width == 2) {
    const lows = i16x8.splat(<u16>low);
    const highs = i16x8.splat(<u16>high);
    for (let at = codes; out < end; out += 4, at += 64) {
      const first = i8x16.narrow_i16x8_s(within16(v128.load(at), lows, highs), within16(v128.load(at, 16), lows, highs));
      const second = i8x16.narrow_i16x8_s(within16(v128.load(at, 32), lows, highs), within16(v128.load(at, 48), lows, highs));
      const hits = <u32>i8x16.bitmask(first) | (<u32>i8x16.bitmask(second) << 16);
      store<u32>(out, hits | (load<u32>(out) & mask));
    }
  } else {
    const lows = i32x4.splat(low);
    const highs = i32x4.splat(high);
    for (let at = codes; out < end; out += 4, at += 128) {
      const hits = <u32>within32(at, lows, highs) | (<u32>within32(at + 64, lows, highs) << 16);
      store<u32>(out, hits | (load<u32>(out) & mask));
    }
  }
}

@inline
function within8(codes: v128, lows: v128, highs: v128): i32 {
  return i8x16.bitmask(v128.and(i8x16.ge_u(codes, lows), i8x16.le_u(codes, highs)));
}

@inline
function within16(codes: v128, lows: v128, highs: v128): v128 {
  return v128.and(i16x8.ge_u(codes, lows), i16x8.le_u(codes, highs));
}

/** Of sixteen codes. */
@inline
function within32(at: usize, lows: v128, highs: v128): i32 {
  const a = v128.load(at);
  const b = v128.load(at, 16);
  const c = v128.load(at, 32);
  const d = v128.load(at, 48);
  const first = i16x8.narrow_i32x4_s(
    v128.and(i32x4.ge_u(a, lows), i32x4.le_u(a, highs)),
    v128.and(i32x4.ge_u(b, lows), i32x4.le_u(b, highs)),
  );
  const second = i16x8.narrow_i32x4_s(
    v128.and(i32x4.ge_u(c, lows), i32x4.le_u(c, highs)),
    v128.and(i32x4.ge_u(d, lows), i32x4.le_u(d, highs)),
  );
  return i8x16.bitmask(i8x16.narrow_i16x8_s(first, second));
}

/**
 * Combines two bitmaps of `bytes` (a multiple of 16) into the first: 0 and, 1 or, 2 the first without the second, 3 what neither
 * holds.
 */
export function combine(target: usize, other: usize, bytes: usize, how: u32): void {
  for (const end = target + bytes; target < end; target += 16, other += 16) {
    const a = v128.load(target);
    const b = v128.load(other);
    let both: v128;
    if (how == 0) both = v128.and(a, b);
    else if (how == 1) both = v128.or(a, b);
    else if (how == 2) both = v128.andnot(a, b);
    else both = v128.not(v128.or(a, b));
    v128.store(target, both);
  }
}
