import type { Model, Run } from '../recommender.ts';

/**
 * Fits one model for each candidate and keeps the one with the best validation metric (the earlier of equals); without
 * validation, or without a choice, only the first is fitted. The others are disposed.
 */
export async function bestOf<Options>(
  candidates: readonly [Options, ...Options[]],
  build: (options: Options, at: number) => Promise<Model> | Model,
  run: Run,
): Promise<Model> {
  const { validate } = run;
  run.signal.throwIfAborted();
  let best = await build(candidates[0], 0);
  if (validate === undefined || candidates.length === 1) return best;
  let bestMetric = await validate(best.score);
  for (const [at, candidate] of candidates.entries()) {
    if (at === 0) continue;
    run.signal.throwIfAborted();
    const model = await build(candidate, at);
    const metric = await validate(model.score);
    const [kept, dropped] = metric > bestMetric ? [model, best] : [best, model];
    dropped[Symbol.dispose]();
    best = kept;
    bestMetric = Math.max(metric, bestMetric);
  }
  return best;
}
