/** @import { Item } from './api.js' */
import { popular, similar } from './api.js';

const known = 200;
const neighbours = 12;
const companions = 3;

/** @template T @param {readonly T[]} values */
const any = (values) => values[Math.floor(Math.random() * values.length)];

/**
 * A plausible visitor: one of the better-known items and some that go with it.
 * @param {AbortSignal} signal
 * @returns {Promise<Item[]>}
 */
export async function exampleHistory(signal) {
  const first = any((await popular(known, signal)).data.items);
  if (first === undefined) return [];
  const others = (await similar(first.itemId, neighbours, signal)).data.items;
  const shuffled = others.map((item) => ({ item, key: Math.random() })).sort((a, b) => a.key - b.key);
  return [first, ...shuffled.slice(0, companions).map(({ item }) => item)];
}
