import { ReleaseError } from '../../shared/errors.ts';
import { type Evidence, leaveOneOut, neighboursEvidence } from '../../shared/evidence.ts';
import { ages, itemWeights, positions } from '../../shared/features.ts';
import { type History, latest } from '../../shared/history.ts';
import { scoreByNeighbours } from '../../shared/neighbours.ts';
import type { Artifact, EmbeddingTable } from '../recommender.ts';
import { gather } from './gather.ts';
import { type FloatTensor, type OnnxSession, openOnnx } from './onnx/session.ts';

/**
 * An artifact, computed the way the edge will: the same encoder in the same runtime. With a model's own float tables it
 * must yield what the model scores; with the tables that were quantised it yields what the edge must reproduce.
 */
export interface ArtifactScorer extends AsyncDisposable {
  /** Every item's score, [rows], for a history that is not empty; −∞ where there is none. */
  score(history: History): Promise<Float32Array>;
  /** What of a history that is not empty carried these items, where that is measured of the newest `most` items; undefined where items do not depend on the history. */
  explain(history: History, items: Int32Array, most?: number): Promise<Evidence | undefined>;
}

type EmbeddingArtifact = Extract<Artifact, { kind: 'embedding' }>;

/**
 * `popularity` [rows] is what an artifact without a model of its own scores.
 * @throws ReleaseError when onnxruntime does not accept the encoder
 */
export async function openArtifact(artifact: Artifact, popularity: Float32Array): Promise<ArtifactScorer> {
  const nothing = async (): Promise<void> => {};
  if (artifact.kind === 'none') {
    return { score: async () => popularity, explain: async () => undefined, [Symbol.asyncDispose]: nothing };
  }
  if (artifact.kind === 'neighbours') {
    return {
      score: async (history) => scoreByNeighbours(artifact, history),
      explain: async (history, items) => neighboursEvidence(artifact, history, items),
      [Symbol.asyncDispose]: nothing,
    };
  }
  const session = await openOnnx(artifact.encoder.onnx);
  const queryOf = (history: History) => encode(session, artifact, history);
  return {
    score: async (history) => dotProducts(await queryOf(history), artifact.items),
    explain: async (whole, items, most) => {
      const history = latest(whole, artifact.maxHistory);
      const query = await queryOf(history);
      return leaveOneOut(history, { query, rows: gather(artifact.items, items), encode: queryOf }, most);
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}

/** The query vector [items.dimensions] of a history's newest events. */
async function encode(
  session: OnnxSession,
  { items, history: table = items, encoder, maxHistory }: EmbeddingArtifact,
  whole: History,
): Promise<Float32Array> {
  const history = latest(whole, maxHistory);
  const length = history.items.length;
  const sequence = (data: Float32Array): FloatTensor => ({ data, dimensions: [1, length] });
  const features = {
    rows: { data: gather(table, history.items), dimensions: [1, length, table.dimensions] },
    ages: sequence(ages(history)),
    weights: sequence(history.weights),
    positions: sequence(positions(history)),
    itemWeights: sequence(itemWeights(history)),
  };
  const inputs = Object.fromEntries(encoder.inputs.map((name) => [name, features[name]]));
  const { query } = await session.run(inputs);
  if (query?.data.length !== items.dimensions) {
    throw new ReleaseError(
      `onnx: expected an output 'query' of ${items.dimensions} values, found ${query?.data.length ?? 'none'}`,
    );
  }
  return query.data;
}

/** query · items[row] (+ bias[row]) for each row, summed in double precision. */
function dotProducts(query: Float32Array, { rows, dimensions, values, bias }: EmbeddingTable): Float32Array {
  const scores = new Float32Array(rows);
  for (let row = 0, at = 0; row < rows; row++) {
    let sum = bias?.[row] ?? 0;
    for (let i = 0; i < dimensions; i++, at++) sum += query[i]! * values[at]!;
    scores[row] = sum;
  }
  return scores;
}
