import { describe, expect, it } from 'vitest';
import { openCache } from '../../batch/cache.ts';
import { popularityOf } from '../../batch/data/drift.ts';
import type { PreparedData } from '../../batch/data/prepare.ts';
import type { Release } from '../../batch/export/export-release.ts';
import { parseConfig } from '../../batch/load-config.ts';
import { testServing } from '../../batch/serving.ts';
import { openStore } from '../../batch/store/index.ts';
import perigeeConfig from '../../perigee.config.ts';
import { datasetOf, queriesOf } from '../fixtures/dataset.ts';
import { folderOf } from '../fixtures/sources.ts';

describe('a serving release', () => {
  it('whose encoder no runtime takes is compared with nothing, and that is said', async () => {
    await using place = await folderOf({});
    const dataset = datasetOf([[1, 2], [2]], 3);
    const set = {
      queries: queriesOf(dataset),
      targets: [Int32Array.of(2), Int32Array.of(1)],
      excludeHistory: false,
      protocol: 'test',
    };
    const data: PreparedData = {
      fingerprint: '',
      quality: { summary: '', rows: { read: 3, kept: 3 }, sources: [], checks: [] },
      popularity: popularityOf(dataset),
      splitInputs: {},
      seed: 42,
      dataset: async () => dataset,
      development: async () => ({ train: dataset, validation: set }),
      split: async () => ({ train: dataset, validation: set, trainAndValidation: dataset, test: set }),
    };
    const config = parseConfig(perigeeConfig, 'test');
    const lines: string[] = [];
    const store = openStore('store', { baseDirectory: place.folder, environment: {} });
    const found = await testServing(
      {
        channel: { channel: { format: 1, releases: [], previous: [], updatedAt: '' }, etag: '' },
        releaseId: 'old',
        split: config.split,
        model: {
          artifact: {
            kind: 'embedding',
            items: { rows: 3, dimensions: 2, values: new Float32Array(6) },
            encoder: { onnx: Uint8Array.of(1, 2, 3), inputs: ['rows'] },
            maxHistory: 5,
          },
          itemIds: dataset.itemIds,
          popularity: Float32Array.of(0, 2, 1),
        },
      },
      { releaseId: 'new' } as Release,
      { config, data },
      {
        baseDirectory: place.folder,
        reportDirectory: place.folder,
        cache: await openCache(place.folder),
        backend: 'wasm',
        store,
        openBucket: () => store,
        dryRun: true,
        signal: new AbortController().signal,
        reporter: {
          line: (text) => void lines.push(text),
          stage: (_, work) => work({ progress() {}, note() {} }),
        },
      },
    );
    expect(found).toBeUndefined();
    expect(lines.join()).toMatch(
      /^! release old cannot answer, so nothing is compared with it: onnx: expected/,
    );
  });
});
