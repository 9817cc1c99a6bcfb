import type { Column, ColumnValue } from './columns.ts';
import type { ColumnType } from './release.ts';

/**
 * A filter in the usual syntax of JSON filters (MongoDB's, as vector databases have it), over declared attributes:
 *
 *     { "price": { "$lt": 20 }, "categories": { "$in": ["mug", "cup"] }, "$not": { "brand": "acme" } }
 *
 * All that stands in one object must hold. A plain value is `$eq`; of a list, equality is membership. `null` is "has no value";
 * `$ne`, `$nin` and `$not` are exact complements, so that items without a value pass them.
 */
export type Filter = { readonly [attribute: string]: unknown };

/** What a filter comes down to, against one release; columns by their place in its file. */
export type Predicate =
  /** Items whose code lies in one of the ranges, both ends included, ascending and apart. */
  | {
      readonly kind: 'codes';
      readonly column: number;
      readonly ranges: readonly (readonly [number, number])[];
    }
  /** Items with one of the codes in their list. */
  | { readonly kind: 'lists'; readonly column: number; readonly codes: readonly number[] }
  | { readonly kind: 'and' | 'or'; readonly of: readonly Predicate[] }
  | { readonly kind: 'not'; readonly of: Predicate };

/** A filter that means nothing for this release. `path` is where, as `$or.0.price.$lt`. */
export class FilterError extends Error {
  readonly path: string;

  constructor(path: string, message: string) {
    super(path === '' ? message : `${path}: ${message}`);
    this.name = 'FilterError';
    this.path = path;
  }
}

export const filterLimits = {
  /** Filters within one another. */
  depth: 4,
  /** Values that are compared with, in all. */
  values: 512,
  /** Bytes that a filter reads and writes, see {@link filterCost}: at a million items dozens of ranges, about 10 ms. */
  cost: 128 * 2 ** 20,
} as const;

type Path = readonly (string | number)[];

/**
 * Compiles a filter against a release's columns.
 * @throws FilterError for an attribute that the release does not have, a value of another type, or a filter that is too large
 */
export function compileFilter(filter: unknown, columns: readonly Column[], rows: number): Predicate {
  const budget = { values: 0 };
  const predicate = compileObject(filter, [], { columns, budget });
  const cost = filterCost(predicate, columns, rows);
  if (cost > filterLimits.cost) {
    throw new FilterError(
      '',
      `expected a filter that reads at most ${filterLimits.cost} bytes of columns, found one that reads ${cost}; use fewer or narrower conditions`,
    );
  }
  return predicate;
}

/** Bytes of codes, lists and bitmaps that evaluating a predicate touches. */
function filterCost(predicate: Predicate, columns: readonly Column[], rows: number): number {
  const bitmap = Math.ceil(rows / 8);
  switch (predicate.kind) {
    case 'codes':
      return bitmap + predicate.ranges.length * (rows * columns[predicate.column]!.codes.width + bitmap);
    case 'lists':
      return predicate.codes.reduce(
        (sum, code) => sum + 16 * columns[predicate.column]!.itemsOf(code).length,
        bitmap,
      );
    case 'not':
      return filterCost(predicate.of, columns, rows) + 2 * bitmap;
    default:
      return predicate.of.reduce((sum, part) => sum + filterCost(part, columns, rows) + 3 * bitmap, 0);
  }
}

interface Surroundings {
  readonly columns: readonly Column[];
  readonly budget: { values: number };
}

function compileObject(filter: unknown, path: Path, surroundings: Surroundings): Predicate {
  assertDepth(path);
  const entries = entriesOf(filter, path);
  if (entries.length === 0)
    throw new FilterError(path.join('.'), 'expected at least one condition, found an empty object');
  return all(
    entries.map(([name, value]) => {
      const at = [...path, name];
      if (name === '$not') return { kind: 'not', of: compileObject(value, at, surroundings) };
      if (name === '$and' || name === '$or') {
        if (!Array.isArray(value) || value.length === 0)
          throw new FilterError(at.join('.'), `expected a list of filters, found ${shown(value)}`);
        const parts = value.map((part, i) => compileObject(part, [...at, i], surroundings));
        return parts.length === 1 ? parts[0]! : { kind: name === '$and' ? 'and' : 'or', of: parts };
      }
      return compileCondition(columnOf(name, at, surroundings), value, at, surroundings);
    }),
  );
}

const all = (parts: readonly Predicate[]): Predicate =>
  parts.length === 1 ? parts[0]! : { kind: 'and', of: parts };

function columnOf(name: string, path: Path, { columns }: Surroundings): Column {
  const column = columns.find((entry) => entry.name === name);
  if (column !== undefined) return column;
  const known = columns.map((entry) => `${entry.name} (${entry.type})`).join(', ') || 'no attribute at all';
  const wanted = name.startsWith('$') ? 'expected $and, $or, $not or an attribute' : 'expected an attribute';
  throw new FilterError(path.join('.'), `${wanted} of this release: ${known}`);
}

function compileCondition(
  column: Column,
  condition: unknown,
  path: Path,
  surroundings: Surroundings,
): Predicate {
  if (typeof condition !== 'object' || condition === null)
    return equals(column, [value(column, condition, path, surroundings)]);
  const entries = entriesOf(condition, path);
  if (entries.length === 0)
    throw new FilterError(path.join('.'), `expected an operator (${operators}), found an empty object`);
  return all(
    entries.map(([operator, operand]) =>
      compileOperator(column, operator, operand, [...path, operator], surroundings),
    ),
  );
}

const operators = '$eq, $ne, $in, $nin, $lt, $lte, $gt, $gte';

function compileOperator(
  column: Column,
  operator: string,
  operand: unknown,
  path: Path,
  surroundings: Surroundings,
): Predicate {
  const one = (): ColumnValue | null => value(column, operand, path, surroundings);
  const many = (): (ColumnValue | null)[] => {
    if (!Array.isArray(operand) || operand.length === 0)
      throw new FilterError(path.join('.'), `expected a list of values, found ${shown(operand)}`);
    return operand.map((entry, i) => value(column, entry, [...path, i], surroundings));
  };
  switch (operator) {
    case '$eq':
      return equals(column, [one()]);
    case '$ne':
      return { kind: 'not', of: equals(column, [one()]) };
    case '$in':
      return equals(column, many());
    case '$nin':
      return { kind: 'not', of: equals(column, many()) };
    case '$lt':
      return range(column, 1, column.below(bound(column, one(), path), false));
    case '$lte':
      return range(column, 1, column.below(bound(column, one(), path), true));
    case '$gt':
      return range(column, column.below(bound(column, one(), path), true) + 1, column.values);
    case '$gte':
      return range(column, column.below(bound(column, one(), path), false) + 1, column.values);
    default:
      throw new FilterError(path.join('.'), `expected an operator (${operators}), found ${shown(operator)}`);
  }
}

const range = (column: Column, low: number, high: number): Predicate => ({
  kind: 'codes',
  column: column.index,
  ranges: low <= high ? [[low, high]] : [],
});

/** Items that have one of the values; null is "none". */
function equals(column: Column, values: readonly (ColumnValue | null)[]): Predicate {
  const found = values.flatMap((entry) => {
    const code = entry === null ? 0 : column.codeOf(entry);
    return entry === null || code > 0 ? [code] : [];
  });
  const codes = [...new Set(found)].sort((a, b) => a - b);
  if (column.type === 'strings') return { kind: 'lists', column: column.index, codes };
  const ranges: [number, number][] = [];
  for (const code of codes) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === code - 1) last[1] = code;
    else ranges.push([code, code]);
  }
  return { kind: 'codes', column: column.index, ranges };
}

const plainType: Record<ColumnType, 'number' | 'string' | 'boolean'> = {
  number: 'number',
  string: 'string',
  strings: 'string',
  boolean: 'boolean',
};

function value(
  { name, type }: Column,
  found: unknown,
  path: Path,
  { budget }: Surroundings,
): ColumnValue | null {
  if (++budget.values > filterLimits.values)
    throw new FilterError(path.join('.'), `expected at most ${filterLimits.values} values in a filter`);
  if (found === null) return null;
  const wanted = plainType[type];
  if (typeof found !== wanted || (typeof found === 'number' && !Number.isFinite(found)))
    throw new FilterError(
      path.join('.'),
      `expected a ${wanted}, since ${name} is one, found ${shown(found)}`,
    );
  return found as ColumnValue;
}

/** A value that others can be less than. */
function bound({ name, type }: Column, found: ColumnValue | null, path: Path): ColumnValue {
  if (found !== null && (type === 'number' || type === 'string')) return found;
  throw new FilterError(
    path.join('.'),
    `expected an attribute that has an order and a value to compare it with, found ${name} (${type}) and ${shown(found)}`,
  );
}

function entriesOf(found: unknown, path: Path): [string, unknown][] {
  assertDepth(path);
  if (typeof found !== 'object' || found === null || Array.isArray(found))
    throw new FilterError(path.join('.'), `expected an object, found ${shown(found)}`);
  return Object.entries(found);
}

function assertDepth(path: Path): void {
  if (path.length > 2 * filterLimits.depth)
    throw new FilterError(path.join('.'), `expected a filter at most ${filterLimits.depth} levels deep`);
}

function shown(found: unknown): string {
  const text = JSON.stringify(found) ?? String(found);
  return text.length <= 60 ? text : `${text.slice(0, 60)}…`;
}
