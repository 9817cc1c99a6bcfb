import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { replayGolden } from '../../edge/golden.ts';
import { GoldenRequests } from '../../shared/release.ts';
import { placedRelease } from '../fixtures/placed.ts';
import { type FixtureRelease, fixtureRelease } from '../fixtures/release.ts';

const goldenOf = ({ manifest, files }: FixtureRelease): GoldenRequests =>
  v.parse(GoldenRequests, JSON.parse(new TextDecoder().decode(files.get(manifest.golden))));

type Requests = GoldenRequests['requests'];

const altered = (golden: GoldenRequests, change: (requests: Requests) => void): GoldenRequests => {
  const copy = structuredClone(golden);
  change(copy.requests);
  return copy;
};

it.each(['embedding', 'neighbours', 'none'] as const)(
  'reproduces the answers of an exported release: %s',
  async (kind) => {
    for (const bias of kind === 'embedding' ? [false, true] : [false]) {
      const fixture = await fixtureRelease({ items: 700, kind, bias, ownHistoryTable: bias });
      await expect(replayGolden(await placedRelease(fixture), goldenOf(fixture))).resolves.toBeUndefined();
    }
  },
);

it('notices a score, an item, an order and a length that are not as expected', async () => {
  const fixture = await fixtureRelease({ items: 700 });
  const release = await placedRelease(fixture);
  const refused = (change: (requests: Requests) => void) =>
    expect(replayGolden(release, altered(goldenOf(fixture), change))).rejects.toThrow(/golden request/);
  await refused((requests) => {
    requests[3]!.items[0]!.score *= 1.01;
  });
  await refused((requests) => {
    requests[3]!.items[2]!.itemId = 'item-0000001';
  });
  await refused((requests) => {
    const { items } = requests[3]!;
    [items[0]!.itemId, items[9]!.itemId] = [items[9]!.itemId, items[0]!.itemId];
  });
  await refused((requests) => {
    requests[0]!.items.splice(0, 1);
  });
});

describe('of a release with a ranker', () => {
  it.each(['embedding', 'neighbours', 'none'] as const)('are reproduced: %s', async (kind) => {
    const fixture = await fixtureRelease({ items: 700, dimensions: 24, kind, ranker: {} });
    await expect(replayGolden(await placedRelease(fixture), goldenOf(fixture))).resolves.toBeUndefined();
  });

  it('find a probability and a context out that are not as expected, and another ranker', async () => {
    const fixture = await fixtureRelease({ items: 700, ranker: {} });
    const release = await placedRelease(fixture);
    const refused = (change: (requests: Requests) => void) =>
      expect(replayGolden(release, altered(goldenOf(fixture), change))).rejects.toThrow(
        /golden request \d+ \(history of \d+\), ranked: expected/,
      );
    await refused((requests) => {
      requests[3]!.items[4]!.probability! *= 0.98;
    });
    await refused((requests) => {
      requests[0]!.context = { daytime: 'night' };
    });
    const other = await placedRelease(await fixtureRelease({ items: 700, seed: 2, ranker: {} }));
    await expect(replayGolden({ ...release, ranker: other.ranker }, goldenOf(fixture))).rejects.toThrow(
      /ranked/,
    );
  });
});

it('lets items change places whose scores are as good as equal', async () => {
  const fixture = await fixtureRelease({ items: 700 });
  const release = await placedRelease(fixture);
  const golden = goldenOf(fixture);
  const [first, , , , fifth, sixth] = golden.requests[3]!.items;
  const gap = (fifth!.score - sixth!.score) / first!.score;
  const swapped = (tolerance: number): GoldenRequests => {
    const changed = altered(golden, (requests) => {
      const { items } = requests[3]!;
      items[4]!.itemId = sixth!.itemId;
      items[5]!.itemId = fifth!.itemId;
    });
    return { ...changed, tolerance };
  };
  await expect(replayGolden(release, swapped(gap * 0.55))).resolves.toBeUndefined();
  await expect(replayGolden(release, swapped(gap * 0.45))).rejects.toThrow(/golden request 3 .* at rank 5/);
});

it('proves nothing with nothing, nor with a tolerance that forgives all', () => {
  const golden = { tolerance: 0.001, requests: [{ history: [], items: [{ itemId: 'a', score: 1 }] }] };
  const check = (value: unknown): boolean => v.safeParse(GoldenRequests, value).success;
  expect(check(golden)).toBe(true);
  expect(check({ ...golden, requests: [] })).toBe(false);
  expect(check({ ...golden, requests: [{ history: [], items: [] }] })).toBe(false);
  expect(check({ ...golden, tolerance: 1 })).toBe(false);
});
