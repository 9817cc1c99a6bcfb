import * as v from 'valibot';
import { DataError } from '../../shared/errors.ts';
import { Estimate } from '../../shared/release.ts';

const Count = v.pipe(v.number(), v.integer(), v.minValue(0));

/** float32 values, in JSON as base64 of their little-endian bytes. */
const Floats = v.pipe(
  v.string(),
  v.base64(),
  v.transform((text): Float32Array => {
    const bytes = Uint8Array.from(Buffer.from(text, 'base64'));
    return new Float32Array(bytes.buffer, 0, Math.floor(bytes.length / 4));
  }),
);

/** The primary metric in each part of the queries, by one property of the query or its targets. */
export const SliceGroup = v.strictObject({
  by: v.string(),
  slices: v.array(v.strictObject({ label: v.string(), queries: Count, estimate: Estimate })),
});
export type SliceGroup = v.InferOutput<typeof SliceGroup>;

/** One query, drawn by chance and the same for every model of a run. Item indices; the newest of the history last. */
export const Example = v.strictObject({
  query: Count,
  history: v.array(Count),
  targets: v.array(Count),
  ranked: v.array(Count),
});
export type Example = v.InferOutput<typeof Example>;

/** One model on one evaluation set. */
export const Evaluation = v.strictObject({
  protocol: v.string(),
  queries: Count,
  /** The metric that models are compared by. */
  primary: v.string(),
  /**
   * `<metric>@<k>`: recall, ndcg, hit, mrr, map in [0, 1]; novelty in bits; coverage in [0, 1], a property of the
   * whole set of queries, whose interval is therefore the value itself.
   */
  metrics: v.record(v.string(), Estimate),
  /** [queries] values of every metric that is a mean over queries: all but coverage. */
  perQuery: v.record(v.string(), Floats),
  slices: v.array(SliceGroup),
  /** Cumulative share of the recommended places (first k of the primary metric) held by the most popular 1/50, 2/50, … items. */
  exposure: v.array(v.number()),
  examples: v.array(Example),
});
export type Evaluation = v.InferOutput<typeof Evaluation>;

/** JSON text; every value survives exactly. */
export const encodeEvaluation = (evaluation: Evaluation): string =>
  JSON.stringify(evaluation, (_key, value: unknown) =>
    value instanceof Float32Array
      ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
      : value,
  );

/** @throws DataError when the text is not an evaluation */
export function decodeEvaluation(text: string): Evaluation {
  try {
    const evaluation = v.parse(Evaluation, JSON.parse(text));
    for (const [key, values] of Object.entries(evaluation.perQuery)) {
      if (values.length === evaluation.queries) continue;
      throw new RangeError(`${key}: expected ${evaluation.queries} values, found ${values.length}`);
    }
    return evaluation;
  } catch (cause) {
    throw new DataError(
      `evaluation: expected what encodeEvaluation writes, found ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
}
