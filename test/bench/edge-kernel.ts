import { readFileSync } from 'node:fs';
import { encodeColumns } from '../../batch/export/encode-columns.ts';
import { quantise, viewTable } from '../../batch/export/quantise.ts';
import { excludeByFilter, filterBytes } from '../../edge/filter.ts';
import { createKernel, placeTable, type Scratch, scratchSizes } from '../../edge/kernel/kernel.ts';
import { openColumns } from '../../shared/columns.ts';
import { compileFilter } from '../../shared/filter.ts';
import { layOut, tableLayout } from '../../shared/release.ts';

/** Milliseconds of the kernel's work at 64 dimensions, top 100, 50 items of history: median of 200 runs. */
const dimensions = 64;
const runs = 200;
const filter = {
  category: { $in: ['c1', 'c7'] },
  price: { $lt: 250 },
  $not: { tags: 'c3' },
};

/** Uniform in [−1, 1). */
function generator(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return state / 2 ** 31;
  };
}

/** Norms spread as in trained tables (log-normal, σ = .5), largest first. */
function tableOf(rows: number, random: () => number) {
  const norms = Float64Array.from({ length: rows }, () => {
    const normal = random() + random() + random() + random();
    return Math.exp(0.5 * normal);
  })
    .sort()
    .reverse();
  const values = new Float32Array(rows * dimensions);
  for (let at = dimensions; at < values.length; at++)
    values[at] = random() * norms[Math.floor(at / dimensions)]!;
  return quantise({ rows, dimensions, values });
}

function columnsOf(rows: number, random: () => number) {
  const category = (): string => `c${Math.floor((random() + 1) * 200)}`;
  const all = <T>(value: () => T): (T | undefined)[] =>
    Array.from({ length: rows }, (_, row) => (row === 0 ? undefined : value()));
  return encodeColumns(
    [
      { name: 'price', type: 'number', values: all(() => Math.round((random() + 1) * 25_000) / 100) },
      { name: 'category', type: 'string', values: all(category) },
      { name: 'tags', type: 'strings', values: all(() => [category(), category()]) },
    ],
    rows,
  );
}

function measure(rows: number): Record<string, number> {
  const random = generator();
  const { table, file } = tableOf(rows, random);
  const { entries, file: columnsFile } = columnsOf(rows, random);
  const layout = layOut({
    table: tableLayout(table).byteLength,
    columns: columnsFile.length,
    bitmaps: filterBytes(rows),
    ...scratchSizes(rows, dimensions, 1_000, 500),
  });
  const memory = new WebAssembly.Memory({ initial: Math.ceil(layout.byteLength / 65_536) });
  const bytes = new Uint8Array(memory.buffer);
  bytes.set(file, layout.table.offset);
  bytes.set(columnsFile, layout.columns.offset);
  const kernel = createKernel(new WebAssembly.Module(readFileSync('edge/kernel/kernel.wasm')), memory);
  const { byteLength, ...sections } = layout;
  const scratch = Object.fromEntries(
    Object.entries(sections).map(([name, { offset }]) => [name, offset]),
  ) as Scratch;
  const at = placeTable({ file: 'items', ...table }, layout.table.offset);
  kernel.clearExcluded(at, scratch);
  const columns = openColumns(
    bytes.subarray(layout.columns.offset).subarray(0, columnsFile.length),
    entries,
    rows,
  );
  const placed = { columns, rows, file: layout.columns.offset, bitmaps: layout.bitmaps.offset };
  const predicate = compileFilter(filter, columns, rows);
  const indices = Int32Array.from({ length: 50 }, (_, i) => (i * 997) % rows);
  const queries = Array.from({ length: runs }, () => queryOf(kernel, at, scratch, random, rows));
  const scan = (filtered: boolean) =>
    median((run) => {
      const excluded = filtered ? excludeByFilter(kernel, placed, predicate) : scratch.excluded;
      kernel.scan(at, { ...scratch, excluded }, queries[run]!, 100, indices);
    });
  const times = {
    rows,
    'scan ms': scan(false),
    'filter ms': median(() => excludeByFilter(kernel, placed, predicate)),
    'filter and scan ms': scan(true),
    'gather ms': median(() => kernel.gather(at, scratch, indices)),
  };
  viewTable(bytes.subarray(layout.table.offset).subarray(0, file.length), table).bounds.fill(1e30);
  return { ...times, 'scan without bounds ms': scan(false) };
}

/** The sum of a few items' vectors, as histories yield them. */
function queryOf(
  kernel: ReturnType<typeof createKernel>,
  table: Parameters<typeof kernel.gather>[0],
  scratch: Scratch,
  random: () => number,
  rows: number,
): Float32Array {
  const items = Int32Array.from({ length: 10 }, () => 1 + Math.floor(((random() + 1) / 2) * (rows - 1)));
  const gathered = kernel.gather(table, scratch, items);
  return Float32Array.from({ length: dimensions }, (_, i) =>
    items.reduce((sum, _item, event) => sum + gathered[event * dimensions + i]!, 0),
  );
}

function median(run: (number: number) => void): number {
  for (let i = 0; i < runs / 10; i++) run(i);
  const times = Array.from({ length: runs }, (_, i) => {
    const started = performance.now();
    run(i);
    return performance.now() - started;
  });
  return Number(times.sort((a, b) => a - b)[runs / 2]!.toFixed(4));
}

export const bench = async (): Promise<void> => {
  console.table([10_000, 100_000, 1_000_000].map(measure));
};

if (import.meta.main) await bench();
