import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeCatalogue } from '../../batch/export/encode-catalogue.ts';
import { type ItemAttributes, maxItemIdBytes, openCatalogue } from '../../shared/catalogue.ts';
import { ReleaseError } from '../../shared/errors.ts';

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** Ids as shops have them, and as nobody should: emoji, byte-order marks, NUL, up to 256 bytes. */
const itemId = fc
  .oneof(
    fc.stringMatching(/^[0-9]{5}[A-Z]?$/),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
    fc.constantFrom(
      '\uFEFF',
      '\uFEFF1',
      '1',
      '\0',
      '__proto__',
      '🧸',
      'é',
      'e\u0301',
      'x'.repeat(maxItemIdBytes),
    ),
  )
  .filter((id) => id.isWellFormed() && bytesOf(id) >= 1 && bytesOf(id) <= maxItemIdBytes);

const attributes = fc.option(
  fc.record(
    {
      title: fc.string({ unit: 'grapheme' }),
      categories: fc.array(fc.string()),
      price: fc.integer(),
      available: fc.boolean(),
    },
    { requiredKeys: [] },
  ),
  { nil: undefined },
);

const content = fc
  .uniqueArray(fc.tuple(itemId, attributes), { selector: ([id]) => id, maxLength: 60 })
  .map((items) => ({
    itemIds: ['', ...items.map(([id]) => id)],
    attributes: (item: number): ItemAttributes | undefined =>
      items[item - 1]?.[1] as ItemAttributes | undefined,
    popular: {
      indices: Uint32Array.from(items, (_, i) => items.length - i),
      scores: Float32Array.from(items, (_, i) => 1 / (i + 1)),
    },
  }));

const simple = (itemIds: string[]) => ({
  itemIds,
  attributes: () => undefined,
  popular: { indices: [], scores: [] },
});

describe('catalogue', () => {
  it('finds every id at its row, gives every id and attribute back, and knows no other', () => {
    fc.assert(
      fc.property(content, itemId, (source, stranger) => {
        const catalogue = openCatalogue(encodeCatalogue(source));
        expect(catalogue.rows).toBe(source.itemIds.length);
        for (const [row, id] of source.itemIds.entries()) {
          expect(catalogue.find(id)).toBe(row);
          expect(catalogue.itemId(row)).toBe(id);
          expect(catalogue.attributes(row)).toEqual(source.attributes(row));
        }
        expect(catalogue.find(stranger)).toBe(Math.max(0, source.itemIds.indexOf(stranger)));
        expect(catalogue.popularItems).toEqual(source.popular.indices);
        expect(catalogue.popularScores).toEqual(source.popular.scores);
      }),
      { numRuns: 300 },
    );
  });

  it('holds 50,000 ids, so that slots collide, and rejects as many strangers', () => {
    const itemIds = ['', ...Array.from({ length: 50_000 }, (_, i) => `sku-${i * 7}`)];
    const catalogue = openCatalogue(encodeCatalogue(simple(itemIds)));
    const wrong = itemIds.filter((id, row) => catalogue.find(id) !== row || catalogue.itemId(row) !== id);
    expect(wrong).toEqual([]);
    const found = Array.from({ length: 50_000 }, (_, i) => `sku-${i * 7 + 1}`).filter(
      (id) => catalogue.find(id) !== 0,
    );
    expect(found).toEqual([]);
  });

  it('finds no id that is longer than any may be, or of which an item is a prefix', () => {
    const longest = 'é'.repeat(maxItemIdBytes / 2);
    const catalogue = openCatalogue(encodeCatalogue(simple(['', longest, 'ab'])));
    expect(catalogue.find(longest)).toBe(1);
    for (const id of [`${longest}x`, `${longest.slice(0, -1)}€`, 'a', 'abc', ''])
      expect(catalogue.find(id)).toBe(0);
  });

  it('opens in the middle of a larger buffer', () => {
    const file = encodeCatalogue(simple(['', 'a', 'b']));
    const buffer = new Uint8Array(file.length + 128);
    buffer.set(file, 64);
    expect(openCatalogue(buffer.subarray(64, 64 + file.length)).find('b')).toBe(2);
  });

  it.each([
    ['an empty id', ['', 'a', ''], /1 to 256 bytes as id of row 2, found ""/],
    ['a long id', ['', 'x'.repeat(257)], /\(257 bytes\)/],
    ['a lone surrogate', ['', '\ud83d'], /well-formed/],
    ['an id twice', ['', 'a', 'b', 'a'], /different ids, found 'a' twice/],
    ['no padding row', ['a', 'b'], /an empty id as id of row 0/],
  ])('refuses to write %s', (_, itemIds, message) => {
    expect(() => encodeCatalogue(simple(itemIds))).toThrow(ReleaseError);
    expect(() => encodeCatalogue(simple(itemIds))).toThrow(message);
  });
});

describe('catalogue of other bytes', () => {
  const file = encodeCatalogue({
    itemIds: ['', ...Array.from({ length: 20 }, (_, i) => `item-${i}`)],
    attributes: (item) => (item % 2 === 0 ? { title: `Item ${item}` } : undefined),
    popular: { indices: [3, 2, 1], scores: [3, 2, 1] },
  });

  /** Uses all that a catalogue offers; only a ReleaseError may come of it. */
  const use = (bytes: Uint8Array): 'opened' | 'refused' => {
    try {
      const catalogue = openCatalogue(bytes);
      for (let row = 0; row < catalogue.rows; row++) {
        catalogue.find(catalogue.itemId(row));
        catalogue.attributes(row);
      }
      for (const item of catalogue.popularItems) expect(item).toBeLessThan(catalogue.rows);
      expect(catalogue.find('stranger')).toBeLessThan(catalogue.rows);
      return 'opened';
    } catch (error) {
      expect(error).toBeInstanceOf(ReleaseError);
      return 'refused';
    }
  };

  it('is refused or harmless, whichever bytes were altered', () => {
    const outcomes = new Set<string>();
    const change = fc.record({ at: fc.nat(file.length - 1), byte: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
        const altered = file.slice();
        for (const { at, byte } of changes) altered[at] = byte;
        outcomes.add(use(altered));
      }),
      { numRuns: 3_000 },
    );
    expect([...outcomes].sort()).toEqual(['opened', 'refused']);
  });

  it('is refused when it is cut, padded, misaligned, or something else', () => {
    for (let length = 0; length < file.length; length += 7)
      expect(use(file.slice(0, length))).toBe('refused');
    const longer = new Uint8Array(file.length + 64);
    longer.set(file);
    expect(use(longer)).toBe('refused');
    const shifted = new Uint8Array(file.length + 1);
    shifted.set(file, 1);
    expect(use(shifted.subarray(1))).toBe('refused');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(use(bytes)).toBe('refused');
      }),
    );
  });

  it('does not search forever in a hash without an empty slot', () => {
    const full = encodeCatalogue(simple(['', 'a', 'b']));
    const capacity = Math.ceil(3 / 0.75);
    new Uint32Array(full.buffer, 128, capacity).fill(1);
    expect(openCatalogue(full).find('zzz')).toBe(0);
    // Nor in one that has no slots at all.
    const empty = encodeCatalogue(simple(['']));
    new Uint32Array(empty.buffer)[2] = 0;
    expect(use(empty)).toBeDefined();
  });
});
