import { workerData } from 'node:worker_threads';
import type { defineBatches } from './batches.ts';
import type { Answer, Question } from './input-thread.ts';
import { createArena } from './shared-memory.ts';

/** The thread that makes batches: see input-thread.ts. */
const { module, problem, slots, port } = workerData as Question;
const { batches } = (await import(module)) as { batches: ReturnType<typeof defineBatches<unknown, object>> };
const make = batches(problem).open();
const arenas = Array.from({ length: slots }, createArena);

port.on('message', (step: number) => {
  const arena = arenas[step % slots]!;
  arena.reset();
  try {
    answer({ step, batch: make(step, arena) });
  } catch (error) {
    answer({ step, error });
  }
});
answer('ready');

function answer(message: Answer): void {
  port.postMessage(message);
}
