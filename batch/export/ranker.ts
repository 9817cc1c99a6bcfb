import { limits } from '../../shared/api.ts';
import { ReleaseError } from '../../shared/errors.ts';
import type { History } from '../../shared/history.ts';
import type { ReleasedRanker } from '../../shared/release.ts';
import type { RankerArtifact } from '../recommender.ts';
import type { ArtifactScorer } from './artifact-scorer.ts';
import { bestOf, emptyHistory } from './golden.ts';
import { padRanker } from './onnx/pad-encoder.ts';
import { dequantise, quantise } from './quantise.ts';
import { type OpenRanker, probabilitiesFor } from './ranker-questions.ts';
import { openRanker } from './ranker-scorer.ts';
import { spread } from './spread.ts';

/** A ranker that is to be released beside the model that retrieves for it. */
export interface RankerRelease {
  readonly model: ReleasedRanker['model'];
  readonly artifact: RankerArtifact;
  /** Its own figures first, then those of its baselines. */
  readonly evaluation: ReleasedRanker['evaluation'];
}

/** A ranker as it is released, with its network ready to run on the quantised table. */
export interface ExportedRanker extends OpenRanker, AsyncDisposable {
  readonly released: ReleasedRanker;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Items that the edge retrieves to be ranked. */
const candidateCount = 200;

/** Histories, besides the empty one, on which int8 is compared with float32. */
const comparedHistories = 100;

interface Retrieval {
  readonly histories: readonly History[];
  readonly popularity: Float32Array;
  /** What retrieves the candidates. */
  readonly scorer: ArtifactScorer;
}

/**
 * Quantises a ranker's table and measures what that does to its probabilities.
 * @throws ReleaseError when the table cannot be quantised or the network does not run on it
 */
export async function exportRanker(source: RankerRelease, retrieval: Retrieval): Promise<ExportedRanker> {
  const { model, artifact, evaluation } = source;
  const { released, files, artifact: published } = publishableRanker(artifact);
  const { context } = artifact;
  const scorer = await openRanker(published);
  try {
    await using float = await openRanker(artifact);
    const quantisationDifference = await largestDifference(
      { scorer: float, context },
      { scorer, context },
      retrieval,
    );
    return {
      released: { model, ...released, candidates: candidateCount, evaluation, quantisationDifference },
      files,
      scorer,
      context,
      [Symbol.asyncDispose]: () => scorer[Symbol.asyncDispose](),
    };
  } catch (error) {
    await scorer[Symbol.asyncDispose]();
    throw error;
  }
}

/** A ranker in the shape in which it is released, and what its files say: the artifact after quantisation and padding. */
export function publishableRanker(source: RankerArtifact) {
  const { items, network, context } = source;
  if (items.bias !== undefined)
    throw new ReleaseError("export: expected the ranker's table without bias, found one");
  const quantised = quantise(items);
  const onnx = padRanker(network.onnx, { from: items.dimensions, to: quantised.table.dimensions });
  const maxHistory = Math.min(source.maxHistory, limits.history);
  const files = { network: 'ranker.onnx', items: 'ranker.table' };
  return {
    released: {
      file: files.network,
      inputs: [...network.inputs],
      items: { file: files.items, ...quantised.table },
      context: context.map(({ name, values }) => ({ name, values: [...values] })),
      maxHistory,
    },
    files: new Map([
      [files.network, onnx.slice()],
      [files.items, quantised.file],
    ]),
    artifact: {
      ...source,
      items: dequantise(quantised),
      network: { onnx, inputs: network.inputs },
      maxHistory,
    },
  };
}

/** The largest |Δp| over the candidates of real histories and of the empty one, to six digits. */
async function largestDifference(
  float: OpenRanker,
  quantised: OpenRanker,
  retrieval: Retrieval,
): Promise<number> {
  let largest = 0;
  const histories = [emptyHistory, ...spread(retrieval.histories, comparedHistories)];
  for (const [number, history] of histories.entries()) {
    const { indices } = await bestOf(retrieval, history, candidateCount);
    const expected = (await probabilitiesFor(float, number, history, indices)).probabilities;
    const found = (await probabilitiesFor(quantised, number, history, indices)).probabilities;
    for (const [i, value] of found.entries()) largest = Math.max(largest, Math.abs(value - expected[i]!));
  }
  return Number(largest.toFixed(6));
}
