import type { TestProject } from 'vitest/node';
import { fixtureRelease, storedRelease } from './fixtures/release.ts';

/** Vitest global set-up: a release made in Node by the real exporter, for tests inside workerd. */
export const setup = async (project: TestProject): Promise<void> => {
  const release = await fixtureRelease({ items: 500 });
  const objects = Array.from(
    storedRelease(release),
    ([key, bytes]) => [key, Buffer.from(bytes).toString('base64')] as const,
  );
  project.provide('store', Object.fromEntries(objects));
  project.provide('releaseId', release.releaseId);
};
