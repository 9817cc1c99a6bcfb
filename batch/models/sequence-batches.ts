import type { Events } from '../data/dataset.ts';
import { defineBatches } from '../training/batches.ts';
import { stream } from '../training/examples.ts';
import { toLocalRows } from '../training/local-rows.ts';
import { createMarks } from '../training/marks.ts';
import { drawCandidates } from '../training/softmax-arrays.ts';
import {
  dealWindows,
  type Targets,
  type WindowBatch,
  type Windows,
  windowBatch,
} from '../training/windows.ts';

/** What the batches of a sequence model are made from. */
export interface BatchProblem {
  readonly seed: number;
  readonly events: Events;
  /** Items, the padding among them. */
  readonly rows: number;
  readonly windows: Windows;
  readonly stepsPerEpoch: number;
  readonly targets: Targets;
  /** Items drawn beside a batch's targets; undefined: all. */
  readonly negatives: number | undefined;
}

export interface SequenceBatch {
  readonly windows: WindowBatch;
  /** Items over which the softmax runs, ascending; undefined: all. */
  readonly candidates: Int32Array | undefined;
  /** What a batch with candidates reads of the tables, by which the events' items are then numbered; row 0 is the padding's. */
  readonly rows: Int32Array | undefined;
  /** Places of the candidates among the rows. */
  readonly places: Int32Array | undefined;
}

/** The windows of each step; the deal of the epoch at hand is kept, not that of others. */
export const batches = defineBatches(import.meta.url, (problem: BatchProblem) => {
  const { seed, events, rows, windows, stepsPerEpoch, targets, negatives } = problem;
  const marks = createMarks(rows);
  let deal: { readonly epoch: number; readonly steps: Int32Array[] } | undefined;
  return (step, arena): SequenceBatch => {
    const epoch = Math.floor(step / stepsPerEpoch);
    if (deal?.epoch !== epoch)
      deal = { epoch, steps: dealWindows(windows, stepsPerEpoch, stream(seed, 'epoch', epoch)) };
    const batch = windowBatch(events, windows, deal.steps[step % stepsPerEpoch]!, targets, marks, arena);
    if (negatives === undefined)
      return { windows: batch, candidates: undefined, rows: undefined, places: undefined };
    const candidates = drawCandidates(batch.targets, negatives, rows, stream(seed, 'step', step));
    const places = candidates.slice();
    const read = toLocalRows([batch.items, places, Int32Array.of(0)], rows);
    return { windows: batch, candidates, rows: read, places };
  };
});
