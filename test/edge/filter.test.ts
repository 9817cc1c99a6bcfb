import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AttributeColumn,
  type AttributeValue,
  encodeColumns,
} from '../../batch/export/encode-columns.ts';
import { excludeByFilter, filterBytes, type PlacedColumns } from '../../edge/filter.ts';
import { createKernel, type Kernel } from '../../edge/kernel/kernel.ts';
import { openColumns } from '../../shared/columns.ts';
import { compileFilter, type Filter, FilterError, filterLimits } from '../../shared/filter.ts';
import { layOut } from '../../shared/release.ts';

const module = new WebAssembly.Module(readFileSync('edge/kernel/kernel.wasm'));

/** A columns file in a fresh memory, as a release file would lie there. */
function place(
  attributes: readonly AttributeColumn[],
  rows: number,
): { kernel: Kernel; placed: PlacedColumns } {
  const { entries, file } = encodeColumns(attributes, rows);
  const layout = layOut({ file: file.length, bitmaps: filterBytes(rows) });
  const memory = new WebAssembly.Memory({ initial: Math.ceil(layout.byteLength / 65_536) });
  new Uint8Array(memory.buffer).set(file);
  const columns = openColumns(new Uint8Array(memory.buffer, 0, file.length), entries, rows);
  return {
    kernel: createKernel(module, memory),
    placed: { columns, rows, file: 0, bitmaps: layout.bitmaps.offset },
  };
}

/** Rows that pass, in order. */
function passing({ kernel, placed }: ReturnType<typeof place>, filter: unknown): number[] {
  const predicate = compileFilter(filter, placed.columns, placed.rows);
  const bits = new Uint8Array(kernel.memory.buffer, excludeByFilter(kernel, placed, predicate));
  return Array.from({ length: placed.rows }, (_, row) => row).filter(
    (row) => (bits[row >> 3]! & (1 << (row & 7))) === 0,
  );
}

/** What the syntax means, one item after another. Texts compare by their UTF-8 bytes. */
function holds(filter: Filter, item: Readonly<Record<string, AttributeValue>>): boolean {
  return Object.entries(filter).every(([name, condition]) => {
    if (name === '$not') return !holds(condition as Filter, item);
    if (name === '$and') return (condition as Filter[]).every((part) => holds(part, item));
    if (name === '$or') return (condition as Filter[]).some((part) => holds(part, item));
    const value = item[name];
    const own = Array.isArray(value) ? value : value === undefined ? [] : [value];
    const is = (wanted: unknown): boolean =>
      wanted === null ? own.length === 0 : own.includes(wanted as string);
    if (typeof condition !== 'object' || condition === null) return is(condition);
    return Object.entries(condition).every(([operator, operand]) => {
      if (operator === '$eq') return is(operand);
      if (operator === '$ne') return !is(operand);
      if (operator === '$in') return (operand as unknown[]).some(is);
      if (operator === '$nin') return !(operand as unknown[]).some(is);
      if (own.length === 0) return false;
      const order =
        typeof operand === 'string'
          ? Buffer.compare(Buffer.from(own[0] as string), Buffer.from(operand))
          : (own[0] as number) - (operand as number);
      return { $lt: order < 0, $lte: order <= 0, $gt: order > 0, $gte: order >= 0 }[operator]!;
    });
  });
}

const texts = ['', 'a', 'ab', 'b', 'crème', 'z', '\u{1f600}', '\uffee'];
const text = fc.constantFrom(...texts);
const number = fc.oneof(
  fc.constantFrom(0, 1, -1, 2.5, 1e300, -1e-300, 16_777_217, 2 ** 53 - 1),
  fc.integer({ min: -5, max: 300 }),
);
const sometimes = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 4 });

const item = fc.record({
  price: sometimes(number),
  brand: sometimes(text),
  tags: sometimes(fc.array(text, { maxLength: 3 })),
  available: sometimes(fc.boolean()),
});

const orNull = <T>(value: fc.Arbitrary<T>) => fc.option(value, { freq: 8 });
const equality = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof(
    orNull(value),
    fc.record({ $eq: orNull(value) }),
    fc.record({ $ne: orNull(value) }),
    fc.record({ $in: fc.array(orNull(value), { minLength: 1, maxLength: 6 }) }),
    fc.record({ $nin: fc.array(orNull(value), { minLength: 1, maxLength: 6 }) }),
  );
const ordered = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof(
    equality(value),
    fc.record({ $gte: value, $lt: value }),
    fc.record({ $gt: value, $lte: value, $ne: value }),
  );
const condition = fc
  .record(
    { price: ordered(number), brand: ordered(text), tags: equality(text), available: equality(fc.boolean()) },
    { requiredKeys: [] },
  )
  .filter((filter) => Object.keys(filter).length > 0);
const { filter } = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: filterLimits.depth - 1 },
    condition,
    fc.record({ $not: tie('filter') }),
    fc.record({ $and: fc.array(tie('filter'), { minLength: 1, maxLength: 3 }) }),
    fc
      .tuple(condition, fc.array(tie('filter'), { minLength: 1, maxLength: 3 }))
      .map(([plain, parts]) => ({ ...plain, $or: parts })),
  ),
}));

const columnsOf = (items: readonly Readonly<Record<string, AttributeValue>>[]): AttributeColumn[] =>
  (
    [
      ['price', 'number'],
      ['brand', 'string'],
      ['tags', 'strings'],
      ['available', 'boolean'],
    ] as const
  ).map(([name, type]) => ({ name, type, values: [undefined, ...items.map((entry) => entry[name])] }));

describe('filters', () => {
  it('let through what the syntax says, for any items', () => {
    fc.assert(
      fc.property(
        fc.array(item, { minLength: 1, maxLength: 100 }),
        fc.array(filter, { minLength: 1, maxLength: 5 }),
        (items, filters) => {
          const release = place(columnsOf(items), items.length + 1);
          for (const wanted of filters) {
            const expected = items.flatMap((entry, i) => (holds(wanted, entry) ? [i + 1] : []));
            expect(passing(release, wanted)).toEqual(expected);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each([[200], [300], [70_000]])(
    'compare %i different numbers exactly, whatever bytes a code takes',
    (count) => {
      const rows = count + 1;
      const values = [undefined, ...Array.from({ length: count }, (_, i) => (i * 7919) % count)];
      const release = place([{ name: 'price', type: 'number', values }], rows);
      const expectRows = (wanted: Filter, holdsFor: (value: number) => boolean): void =>
        expect(passing(release, wanted)).toEqual(
          values.flatMap((value, row) => (value !== undefined && holdsFor(value) ? [row] : [])),
        );
      expectRows({ price: { $lt: 10 } }, (value) => value < 10);
      expectRows({ price: { $gte: count - 3 } }, (value) => value >= count - 3);
      expectRows({ price: { $in: [0, 1, 2, 150, count - 1, count] } }, (value) =>
        [0, 1, 2, 150, count - 1].includes(value),
      );
      expectRows({ $not: { price: { $gt: 100 } } }, (value) => value <= 100);
    },
  );

  const release = place(columnsOf([{ price: 1, brand: 'a', tags: ['x'], available: true }, {}]), 3);
  it.each([
    [[], '', 'expected an object, found []'],
    [{}, '', 'expected at least one condition'],
    [{ colour: 'red' }, 'colour', 'price (number), brand (string), tags (strings), available (boolean)'],
    [{ $nor: [] }, '$nor', 'expected $and, $or, $not or an attribute'],
    [{ price: 'cheap' }, 'price', 'expected a number, since price is one, found "cheap"'],
    [{ price: { $in: [1, '2'] } }, 'price.$in.1', 'found "2"'],
    [{ price: { $in: 1 } }, 'price.$in', 'expected a list of values, found 1'],
    [{ price: { $regex: 'x' } }, 'price.$regex', 'expected an operator ($eq'],
    [{ price: {} }, 'price', 'expected an operator'],
    [{ tags: { $lt: 'x' } }, 'tags.$lt', 'expected an attribute that has an order'],
    [{ brand: { $lt: null } }, 'brand.$lt', 'expected an attribute that has an order'],
    [{ $or: [{ price: 1 }, { available: 'yes' }] }, '$or.1.available', 'expected a boolean'],
    [{ brand: { $in: Array(filterLimits.values + 1).fill('a') } }, 'brand.$in.512', 'at most 512 values'],
  ])('refuse %j', (wrong, path, message) => {
    const refused = (() => {
      try {
        passing(release, wrong);
      } catch (error) {
        return error;
      }
      return undefined;
    })();
    expect(refused).toBeInstanceOf(FilterError);
    expect((refused as FilterError).path).toBe(path);
    expect((refused as FilterError).message).toContain(message);
  });

  it('refuse what nests too deep or reads too much, before any work', () => {
    const nested = (levels: number): Filter => (levels === 0 ? { price: 1 } : { $not: nested(levels - 1) });
    expect(passing(release, nested(4))).toEqual([1]);
    expect(() => passing(release, nested(1_000))).toThrow('levels deep');
    const wide = { $or: Array.from({ length: 400 }, () => ({ price: { $ne: 1 } })) };
    expect(passing(release, wide)).toEqual([2]);
    expect(() => compileFilter(wide, release.placed.columns, 1_000_000)).toThrow(
      'expected a filter that reads at most',
    );
  });
});
