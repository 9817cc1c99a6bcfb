import type { History } from '../../shared/history.ts';

/** Up to `count` of the histories that are not empty, at even steps through them. */
export function spread(histories: readonly History[], count: number): History[] {
  const usable = histories.filter(({ items }) => items.length > 0);
  const step = Math.max(1, usable.length / count);
  return Array.from({ length: Math.min(count, usable.length) }, (_, i) => usable[Math.floor(i * step)]!);
}
