import { readFileSync } from 'node:fs';
import { createKernel, placeTable, type Scratch, scratchSizes } from '../../edge/kernel/kernel.ts';
import { layOut, tableLayout } from '../../shared/release.ts';

/** Milliseconds for one scan (top 100) and one gather (50 rows) of 64 dimensions: median of 200 runs. */
const dimensions = 64;

function measure(rows: number) {
  const table = { file: 'items', rows, dimensions, bias: false };
  const layout = tableLayout(table);
  const { byteLength, ...sections } = layOut({ ...scratchSizes(rows, dimensions, 1_000, 500) });
  const memory = new WebAssembly.Memory({ initial: Math.ceil((layout.byteLength + byteLength) / 65_536) });
  const kernel = createKernel(new WebAssembly.Module(readFileSync('edge/kernel/kernel.wasm')), memory);
  const scratch = Object.fromEntries(
    Object.entries(sections).map(([name, section]) => [name, layout.byteLength + section.offset]),
  ) as Scratch;
  const at = placeTable(table, 0);
  const values = new Int8Array(memory.buffer, 0, rows * dimensions);
  let state = 1;
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return state / 2 ** 31;
  };
  for (let i = 0; i < values.length; i++) values[i] = Math.round(random() * 127);
  new Float32Array(memory.buffer, at.scales, rows).fill(0.01);
  kernel.clearExcluded(at, scratch);
  const query = Float32Array.from({ length: dimensions }, random);
  const indices = Int32Array.from({ length: 50 }, (_, i) => (i * 997) % rows);
  return {
    rows,
    'scan ms': median(() => kernel.scan(at, scratch, query, 100, indices)),
    'gather ms': median(() => kernel.gather(at, scratch, indices)),
  };
}

function median(run: () => void): number {
  const times = Array.from({ length: 200 }, () => {
    const started = performance.now();
    run();
    return performance.now() - started;
  });
  return Number(times.sort((a, b) => a - b)[100]!.toFixed(4));
}

export const bench = async (): Promise<void> => {
  console.table([10_000, 100_000, 1_000_000].map(measure));
};

if (import.meta.main) await bench();
