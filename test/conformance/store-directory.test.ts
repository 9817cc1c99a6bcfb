import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { releaseConformance } from './release.ts';
import { type StoreAddress, storeConformance } from './store.ts';

let root = '';
let opened = 0;
beforeAll(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'perigee-store-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const fresh = async (): Promise<StoreAddress> => ({
  address: path.join(root, String(opened++)),
  environment: {},
});

storeConformance('directory', fresh);
releaseConformance('a directory', fresh);
