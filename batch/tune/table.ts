import { moveCursor } from 'node:readline';
import { styleText } from 'node:util';
import type { Rung } from './halving.ts';
import type { Point } from './points.ts';
import type { Finished, Trial, Watcher } from './tune.ts';

export interface Table extends Watcher, Disposable {}

/** Rows of the best that a terminal shows besides those at work. */
const bestShown = 10;

/**
 * Shows a search: on a terminal one table that changes in place, the best first; elsewhere a line for each fit that ends.
 * @param budget what the budget's option is called
 * @param figure what the figure is called
 */
export function openTable(
  stream: NodeJS.WriteStream,
  { budget, figure }: { readonly budget: string | undefined; readonly figure: string },
): Table {
  const live = stream.isTTY === true;
  const finished: Finished[] = [];
  const running = new Map<string, { trial: Trial; fraction: number }>();
  let unfit = 0;
  let total = 0;
  let drawn = 0;
  const say = (text: string): void => {
    erase();
    stream.write(`${text}\n`);
    draw();
  };
  const erase = (): void => {
    if (drawn === 0) return;
    moveCursor(stream, 0, -drawn);
    stream.cursorTo(0);
    stream.clearScreenDown();
    drawn = 0;
  };
  const draw = (): void => {
    if (!live) return;
    const ranked = finished.toSorted((a, b) => b.result.figure - a.result.figure);
    const shown = ranked.filter((trial, at) => at < bestShown || trial.number === 0);
    const dropped = unfit > 0 ? `, ${unfit} cannot be fitted` : '';
    const width = Math.max(20, stream.columns - 1);
    const styled = (style: 'bold' | 'dim', row: string): string => styleText(style, row.slice(0, width));
    const lines = [
      ...shown.map((trial, at) =>
        at === 0 ? styled('bold', finishedRow(trial, budget)) : finishedRow(trial, budget).slice(0, width),
      ),
      ...[...running.values()].map(({ trial, fraction }) =>
        styled('dim', rowOf(trial, `${Math.round(100 * fraction)} %`, budget)),
      ),
      `\n  ${finished.length} of ${total} fits${dropped}`,
    ];
    stream.write(`${lines.join('\n')}\n`);
    drawn = lines.length + 1;
  };
  const ended = (trial: Trial): void => void running.delete(keyOf(trial));
  return {
    planned(rungs, points) {
      total = 1 + rungs.reduce((sum, { trials }) => sum + trials, 0);
      stream.write(`\n  ${planText(rungs, points, budget)}\n\n`);
      stream.write(`  ${headText(budget, figure)}\n`);
    },
    running(trial, fraction) {
      running.set(keyOf(trial), { trial, fraction });
      erase();
      draw();
    },
    finished(trial) {
      ended(trial);
      finished.push(trial);
      if (live) erase();
      else stream.write(`${finishedRow(trial, budget)}\n`);
      draw();
    },
    unfit(trial, reason) {
      ended(trial);
      unfit++;
      say(rowOf(trial, `– ${reason}`, budget));
    },
    [Symbol.dispose]() {
      running.clear();
      erase();
      draw();
    },
  };
}

const keyOf = ({ number, budget }: Trial): string => `${number} ${budget}`;

function planText(rungs: readonly Rung[], points: number, budget: string | undefined): string {
  const spent = rungs.map(({ trials, budget: share }) => `${trials} with ${share}`).join(', ');
  return budget === undefined
    ? `${points} choices of options, and those of the config`
    : `${points} choices of options; ${budget}: ${spent}; and the options of the config`;
}

const headText = (budget: string | undefined, figure: string): string =>
  `${'trial'.padStart(5)}${budget === undefined ? '' : budget.padStart(9)}${figure.padStart(10)}   options`;

const rowOf = ({ number, budget, point }: Trial, figure: string, named: string | undefined): string => {
  const share = named === undefined ? '' : String(budget).padStart(9);
  const what = number === 0 ? 'as configured' : pointText(point);
  return `  ${String(number).padStart(5)}${share}${figure.padStart(10)}   ${what}`;
};

const finishedRow = (trial: Finished, named: string | undefined): string =>
  `${rowOf(trial, trial.result.figure.toFixed(4), named)}${trial.result.reused ? ' (kept from an earlier run)' : ''}`;

const pointText = (point: Point): string =>
  Object.entries(point)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
