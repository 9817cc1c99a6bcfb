import fc from 'fast-check';
import * as v from 'valibot';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  align,
  Channel,
  type EmbeddingArtifact,
  layOut,
  Manifest,
  neighboursLayout,
  paddedRows,
  rowBlock,
  type Section,
  tableLayout,
} from '../../shared/release.ts';
import { fixtureRelease } from '../fixtures/release.ts';

const sectionsOf = (layout: object): Section[] =>
  Object.values(layout).filter((value): value is Section => typeof value === 'object');

describe('layouts', () => {
  it('lay sections one after another, aligned, without overlap, to the end of the file', () => {
    const sizes = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.nat(10_000));
    fc.assert(
      fc.property(sizes, (wanted) => {
        const layout = layOut(wanted);
        let end = 0;
        for (const [name, bytes] of Object.entries(wanted)) {
          expect(layout[name]).toEqual({ offset: align(end), bytes });
          expect(layout[name]!.offset % 64).toBe(0);
          end = align(end) + bytes;
        }
        expect(layout.byteLength).toBe(align(end));
      }),
    );
  });

  it('of a table hold whole blocks of rows, and biases only where there are any', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5_000 }),
        fc.integer({ min: 1, max: 32 }),
        fc.boolean(),
        (rows, lanes, bias) => {
          const dimensions = 16 * lanes;
          const { values, scales, biases } = tableLayout({ rows, dimensions, bias });
          expect(paddedRows(rows) % rowBlock).toBe(0);
          expect(paddedRows(rows) - rows).toBeGreaterThanOrEqual(0);
          expect(paddedRows(rows) - rows).toBeLessThan(rowBlock);
          expect(values.bytes).toBe(paddedRows(rows) * dimensions);
          expect(scales.bytes).toBe(paddedRows(rows) * 4);
          expect(biases.bytes).toBe(bias ? scales.bytes : 0);
        },
      ),
    );
  });

  it('of neighbours hold two words for each place', () => {
    expect(sectionsOf(neighboursLayout({ rows: 7, width: 3 }))).toEqual([
      { offset: 0, bytes: 84 },
      { offset: 128, bytes: 84 },
    ]);
  });
});

describe('Manifest', () => {
  let manifest: Manifest & { artifact: EmbeddingArtifact };
  beforeAll(async () => {
    const release = await fixtureRelease({ items: 50, dimensions: 16, histories: 3 });
    manifest = release.manifest as typeof manifest;
  });

  const issuesOf = (value: unknown): string[] =>
    (v.safeParse(Manifest, value).issues ?? []).map(
      (issue) => `${v.getDotPath(issue) ?? ''}: ${issue.message}`,
    );

  it('accepts what the exporter writes', () => {
    expect(issuesOf(JSON.parse(JSON.stringify(manifest)))).toEqual([]);
  });

  it.each<[string, (m: typeof manifest) => unknown, RegExp]>([
    [
      'a file that is not listed',
      (m) => ({ ...m, golden: 'other.json' }),
      /expected other.json among the files, found none/,
    ],
    [
      'a table file of another size',
      (m) => ({ ...m, artifact: { ...m.artifact, items: { ...m.artifact.items, dimensions: 32 } } }),
      /expected items.table to have 2304 bytes, found 1280/,
    ],
    [
      'rows that are not the catalogue’s',
      (m) => ({ ...m, catalogue: { ...m.catalogue, items: 40 } }),
      /expected 41 rows in items.table, found 51/,
    ],
    [
      'dimensions that are no whole number of lanes',
      (m) => ({ ...m, artifact: { ...m.artifact, items: { ...m.artifact.items, dimensions: 20 } } }),
      /artifact.items.dimensions/,
    ],
    [
      'more dimensions than int32 sums hold',
      (m) => ({ ...m, artifact: { ...m.artifact, items: { ...m.artifact.items, dimensions: 528 } } }),
      /artifact.items.dimensions/,
    ],
    [
      'an unknown default event kind',
      (m) => ({ ...m, defaultEventKind: 'swipe' }),
      /expected 'swipe' among the event kinds/,
    ],
    [
      'a popularity file that is not listed',
      (m) => ({ ...m, data: { ...m.data, popularity: 'popularity.json' } }),
      /expected popularity.json among the files/,
    ],
    [
      'a path as file name',
      (m) => ({ ...m, golden: '../golden.json' }),
      /golden: expected a plain file name/,
    ],
    ['an unknown artifact kind', (m) => ({ ...m, artifact: { kind: 'oracle' } }), /artifact.kind/],
    ...['encoder.onnx', 'golden.json'].map((file): [string, (m: typeof manifest) => unknown, RegExp] => [
      `more of ${file} than is held beside the tables`,
      (m) => ({ ...m, files: { ...m.files, [file]: { ...m.files[file], bytes: 9 * 1024 * 1024 } } }),
      new RegExp(`expected ${file} to have at most 8388608 bytes, found 9437184`),
    ]),
    ['an unknown key', (m) => ({ ...m, extra: 1 }), /extra/],
    ['another format', (m) => ({ ...m, format: 2 }), /format/],
    ['no history at all', (m) => ({ ...m, maxHistory: 0 }), /maxHistory/],
    [
      'an inherited property as file',
      (m) => ({ ...m, golden: 'constructor' }),
      /expected constructor among the files/,
    ],
  ])('refuses %s', (_, change, message) => {
    expect(issuesOf(change(manifest)).join('\n')).toMatch(message);
  });

  it('never throws, whatever it is given', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...Object.keys(manifest)), (value, key) => {
        expect(issuesOf(value).length).toBeGreaterThan(0);
        issuesOf({ ...manifest, [key]: value });
      }),
    );
  });
});

describe('Channel', () => {
  const channel = {
    format: 1,
    releases: [{ releaseId: '0123456789abcdef', weight: 1 }],
    previous: [{ releaseId: 'fedcba9876543210', until: '2026-01-01T00:00:00.000Z' }],
    updatedAt: '2026-01-01T00:00:00.000Z',
  };
  it('is a pointer to at least one release', () => {
    expect(v.is(Channel, channel)).toBe(true);
    expect(v.is(Channel, { ...channel, releases: [] })).toBe(false);
    expect(v.is(Channel, { ...channel, releases: [{ releaseId: '../x', weight: 1 }] })).toBe(false);
    expect(v.is(Channel, { ...channel, releases: [{ releaseId: '0123456789abcdef', weight: -1 }] })).toBe(
      false,
    );
    expect(v.is(Channel, { ...channel, updatedAt: 'yesterday' })).toBe(false);
  });
});
