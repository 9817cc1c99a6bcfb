/**
 * The one ranking rule: higher scores first, equal scores by smaller index, scores that are not finite never.
 * Index 0 is padding and never ranks.
 */
export interface Ranked {
  /** Indices in rank order, at most k. */
  readonly indices: Int32Array;
  /** Their scores, non-increasing. */
  readonly scores: Float32Array;
}

/**
 * The k best of `scores` (index = item index) for which `excluded` does not hold.
 * O(n + m log k), m the number of entries into a k-sized heap; allocates only its result.
 */
export function topK(scores: Float32Array, k: number, excluded?: (index: number) => boolean): Ranked {
  const heapScores = new Float32Array(k);
  const heapIndices = new Int32Array(k);
  let size = 0;
  for (let index = 1; index < scores.length; index++) {
    const score = scores[index]!;
    if (size === k && !(score > heapScores[0]!)) continue;
    if (!Number.isFinite(score) || excluded?.(index)) continue;
    if (size < k) siftUp(heapScores, heapIndices, size++, score, index);
    else if (k > 0) siftDown(heapScores, heapIndices, size, score, index);
  }
  for (let end = size - 1; end > 0; end--) {
    const score = heapScores[0]!;
    const index = heapIndices[0]!;
    siftDown(heapScores, heapIndices, end, heapScores[end]!, heapIndices[end]!);
    heapScores[end] = score;
    heapIndices[end] = index;
  }
  return { indices: heapIndices.subarray(0, size), scores: heapScores.subarray(0, size) };
}

/** Whether (score a, index a) ranks behind (score b, index b). */
const behind = (scoreA: number, indexA: number, scoreB: number, indexB: number): boolean =>
  scoreA < scoreB || (scoreA === scoreB && indexA > indexB);

function siftUp(scores: Float32Array, indices: Int32Array, at: number, score: number, index: number): void {
  let child = at;
  while (child > 0) {
    const parent = (child - 1) >> 1;
    if (!behind(score, index, scores[parent]!, indices[parent]!)) break;
    scores[child] = scores[parent]!;
    indices[child] = indices[parent]!;
    child = parent;
  }
  scores[child] = score;
  indices[child] = index;
}

function siftDown(
  scores: Float32Array,
  indices: Int32Array,
  size: number,
  score: number,
  index: number,
): void {
  let parent = 0;
  for (;;) {
    let child = 2 * parent + 1;
    if (child >= size) break;
    const right = child + 1;
    if (right < size && behind(scores[right]!, indices[right]!, scores[child]!, indices[child]!))
      child = right;
    if (!behind(scores[child]!, indices[child]!, score, index)) break;
    scores[parent] = scores[child]!;
    indices[parent] = indices[child]!;
    parent = child;
  }
  scores[parent] = score;
  indices[parent] = index;
}
