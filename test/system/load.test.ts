import { expect, it } from 'vitest';
import { load } from '../bench/load.ts';

it('5,000 requests at concurrency 16 across 5 release swaps: none fails', async () => {
  const { failed, requests, served, published } = await load({ requests: 5_000, concurrency: 16, swaps: 5 });
  expect(failed).toEqual([]);
  expect(requests).toBeGreaterThanOrEqual(5_000);
  expect(served).toEqual(published);
});
