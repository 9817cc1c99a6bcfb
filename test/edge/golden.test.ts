import { expect, it } from 'vitest';
import { replayGolden } from '../../edge/golden.ts';
import type { Release } from '../../edge/release.ts';
import { placedRelease } from '../fixtures/placed.ts';
import { fixtureRelease } from '../fixtures/release.ts';

type Golden = Release['golden'];

const altered = (release: Release, change: (requests: Golden['requests']) => void): Release => {
  const golden = structuredClone(release.golden);
  change(golden.requests);
  return { ...release, golden };
};

it.each(['embedding', 'neighbours', 'none'] as const)(
  'reproduces the answers of an exported release: %s',
  async (kind) => {
    for (const bias of kind === 'embedding' ? [false, true] : [false]) {
      const release = await placedRelease(
        await fixtureRelease({ items: 700, kind, bias, ownHistoryTable: bias }),
      );
      await expect(replayGolden(release)).resolves.toBeUndefined();
    }
  },
);

it('notices a score, an item, an order and a length that are not as expected', async () => {
  const release = await placedRelease(await fixtureRelease({ items: 700 }));
  const refused = (change: (requests: Golden['requests']) => void) =>
    expect(replayGolden(altered(release, change))).rejects.toThrow(/golden request/);
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

it('lets items change places whose scores are as good as equal', async () => {
  const release = await placedRelease(await fixtureRelease({ items: 700 }));
  const [first, , , , fifth, sixth] = release.golden.requests[3]!.items;
  const gap = (fifth!.score - sixth!.score) / first!.score;
  const swapped = (tolerance: number): Release => {
    const changed = altered(release, (requests) => {
      const { items } = requests[3]!;
      items[4]!.itemId = sixth!.itemId;
      items[5]!.itemId = fifth!.itemId;
    });
    return { ...changed, golden: { ...changed.golden, tolerance } };
  };
  await expect(replayGolden(swapped(gap * 0.55))).resolves.toBeUndefined();
  await expect(replayGolden(swapped(gap * 0.45))).rejects.toThrow(/golden request 3 .* at rank 5/);
});
