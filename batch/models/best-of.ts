import type { Model, Run } from '../recommender.ts';

/**
 * Fits one model for each candidate and keeps the one with the best validation metric (the earlier of equals); without
 * validation, or without a choice, only the first is fitted. All others are disposed, on failure every one.
 */
export async function bestOf<Options>(
  candidates: readonly [Options, ...Options[]],
  build: (options: Options, at: number) => Promise<Model> | Model,
  { validate, signal }: Run,
): Promise<Model> {
  signal.throwIfAborted();
  if (validate === undefined || candidates.length === 1) return build(candidates[0], 0);
  let best: Measured | undefined;
  try {
    for (const [at, candidate] of candidates.entries()) {
      signal.throwIfAborted();
      const challenger = await measure(await build(candidate, at), validate);
      const wins = best === undefined || challenger.metric > best.metric;
      (wins ? best : challenger)?.model[Symbol.dispose]();
      if (wins) best = challenger;
    }
  } catch (error) {
    best?.model[Symbol.dispose]();
    throw error;
  }
  return best!.model;
}

interface Measured {
  readonly model: Model;
  readonly metric: number;
}

async function measure(model: Model, validate: NonNullable<Run['validate']>): Promise<Measured> {
  using onFailure = new DisposableStack();
  onFailure.use(model);
  const metric = await validate(model.score);
  onFailure.move();
  return { model, metric };
}
