import fc from 'fast-check';
import * as v from 'valibot';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  align,
  Channel,
  type EmbeddingArtifact,
  type GoldenRequests,
  goldenFault,
  layOut,
  Manifest,
  neighboursLayout,
  paddedRows,
  type ReleasedRanker,
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
      /expected items.table to have 2368 bytes, found 1344/,
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

  describe('of a release with a ranker', () => {
    let ranked: Manifest & { ranker: ReleasedRanker };
    beforeAll(async () => {
      const release = await fixtureRelease({ items: 50, dimensions: 16, histories: 3, ranker: {} });
      ranked = release.manifest as typeof ranked;
    });

    it('is accepted as the exporter writes it', () => {
      expect(issuesOf(JSON.parse(JSON.stringify(ranked)))).toEqual([]);
    });

    it.each<[string, (ranker: ReleasedRanker) => object, RegExp]>([
      [
        'a network that is not listed',
        () => ({ file: 'x.onnx' }),
        /expected x.onnx among the files, found none/,
      ],
      [
        'rows of another catalogue',
        (r) => ({ items: { ...r.items, rows: 33 } }),
        /expected 51 rows in ranker.table/,
      ],
      [
        'a table of another size',
        (r) => ({ items: { ...r.items, dimensions: 32 } }),
        /expected ranker.table to have/,
      ],
      [
        'a bias',
        (r) => ({ items: { ...r.items, bias: true } }),
        /expected a table without bias in ranker.table/,
      ],
      [
        'a feature twice',
        (r) => ({ context: [r.context[0], r.context[0]] }),
        /context features of different names/,
      ],
      [
        'a value twice',
        () => ({ context: [{ name: 'day', values: ['a', 'a'] }] }),
        /expected each value of the context feature day once/,
      ],
      [
        'a context that no feature fills',
        () => ({ context: [] }),
        /input 'context' where it has context features/,
      ],
      [
        'features that no input takes',
        () => ({ inputs: ['candidates'] }),
        /input 'context' where it has context/,
      ],
      ['an input that nobody knows', () => ({ inputs: ['moon'] }), /ranker.inputs.0/],
      ['more candidates than an answer holds', () => ({ candidates: 501 }), /ranker.candidates/],
      [
        'no figures of its own',
        (r) => ({ model: { ...r.model, name: 'other' } }),
        /expected figures of the ranker other/,
      ],
      ['a difference that is none', () => ({ quantisationDifference: -1 }), /ranker.quantisationDifference/],
    ])('is refused with %s', (_, change, message) => {
      const changed = { ...ranked, ranker: { ...ranked.ranker, ...change(ranked.ranker) } };
      expect(issuesOf(changed).join('\n')).toMatch(message);
    });

    it('is refused with a network that is too large to hold beside the tables', () => {
      const files = {
        ...ranked.files,
        'ranker.onnx': { ...ranked.files['ranker.onnx']!, bytes: 9 * 1024 * 1024 },
      };
      expect(issuesOf({ ...ranked, files }).join()).toMatch(
        /expected ranker.onnx to have at most 8388608 bytes/,
      );
    });

    it('is proven by a probability for every item of the golden requests, and one without a ranker by none', () => {
      const golden = (probability?: number): GoldenRequests => ({
        tolerance: 0.001,
        requests: [
          {
            history: [],
            items: [{ itemId: 'a', score: 1, ...(probability !== undefined && { probability }) }],
          },
        ],
      });
      expect(goldenFault(ranked, golden(0.5))).toBeUndefined();
      expect(goldenFault(manifest, golden())).toBeUndefined();
      expect(goldenFault(ranked, golden())).toMatch('a probability for every item, found 0 of 1');
      expect(goldenFault(manifest, golden(0.5))).toMatch('a probability for no item, found 1 of 1');
    });
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
