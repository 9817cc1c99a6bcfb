import type { SplitConfig } from '../../config.ts';
import { seededRandom, shuffled } from '../../training/random.ts';
import type { Dataset } from '../dataset.ts';

/** Which part of a split an event belongs to. */
export const stage = { train: 0, validation: 1, test: 2 } as const;

/** [events] the stage of each. */
export type Stages = Uint8Array;

const eachUser = (dataset: Dataset, visit: (from: number, to: number, user: number) => void): void => {
  const { offsets } = dataset;
  for (let user = 0; user + 1 < offsets.length; user++) visit(offsets[user]!, offsets[user + 1]!, user);
};

/** Of each user's events the last is the test, the one before it the validation; a first event is never held out. */
export function lastEvents(dataset: Dataset): Stages {
  const stages = new Uint8Array(dataset.items.length);
  eachUser(dataset, (from, to) => {
    if (to - from > 1) stages[to - 1] = stage.test;
    if (to - from > 2) stages[to - 2] = stage.validation;
  });
  return stages;
}

/** Of each user's events the last is the validation; a first event is never held out. */
export function validationLast(dataset: Dataset): Stages {
  const stages = new Uint8Array(dataset.items.length);
  eachUser(dataset, (from, to) => {
    if (to - from > 1) stages[to - 1] = stage.validation;
  });
  return stages;
}

/** Of each user's events a random share is the validation, at least one; not that of a user's only event. */
export function randomEvents(dataset: Dataset, share: number, seed: number): Stages {
  const stages = new Uint8Array(dataset.items.length);
  const random = seededRandom(seed);
  eachUser(dataset, (from, to) => {
    const size = to - from;
    const held = size > 1 ? Math.max(1, Math.round(size * share)) : 0;
    for (const position of shuffled(size, random).subarray(0, held))
      stages[from + position] = stage.validation;
  });
  return stages;
}

/**
 * Of each user's baskets the last is the test, the one before it the validation. The last is the one that holds the
 * newest event; of several that do, the first in source order.
 */
export function lastBaskets(dataset: Dataset, baskets: Int32Array): Stages {
  const stages = new Uint8Array(dataset.items.length);
  const holdOut = (from: number, to: number, as: number): void => {
    const isFree = (event: number): boolean => stages[event] === stage.train;
    let newest = to - 1;
    while (newest >= from && !isFree(newest)) newest--;
    if (newest < from) return;
    let chosen = newest;
    for (let event = newest; event >= from && dataset.times[event] === dataset.times[newest]; event--) {
      if (isFree(event)) chosen = event;
    }
    // Without times every event is as new as the last.
    const basket = baskets[dataset.times[newest] === 0 ? newest : chosen];
    for (let event = from; event < to; event++) if (baskets[event] === basket) stages[event] = as;
  };
  eachUser(dataset, (from, to) => {
    holdOut(from, to, stage.test);
    holdOut(from, to, stage.validation);
  });
  return stages;
}

/** By time: the newest `testShare` of all events, and the `validationShare` before them; events of one second stay together. */
export function newestEvents(
  dataset: Dataset,
  { testShare, validationShare }: Extract<SplitConfig, { kind: 'time' }>,
): { readonly stages: Stages; readonly validationFrom: number; readonly testFrom: number } {
  const sorted = dataset.times.toSorted();
  const boundary = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * (1 - share)))] ?? 0;
  const testFrom = boundary(testShare);
  const validationFrom = boundary(testShare + validationShare);
  const stages = Uint8Array.from(dataset.times, (time) =>
    time >= testFrom ? stage.test : time >= validationFrom ? stage.validation : stage.train,
  );
  return { stages, validationFrom, testFrom };
}
