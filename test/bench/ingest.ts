import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import * as v from 'valibot';
import { DataConfig } from '../../batch/config.ts';
import { loadDataset } from '../../batch/data/ingest.ts';

/**
 * CPU seconds and peak memory of reading a CSV of 10M events (300k users, 80k items with a long tail, three kinds),
 * in no order, with a `where`, text ids and item attributes. PERIGEE_ROWS sets another size.
 */
const rows = Number(process.env['PERIGEE_ROWS'] ?? 10_000_000);
const users = Math.ceil(rows * 0.03);
const items = Math.ceil(rows * 0.008);

async function writeEvents(folder: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: '1GB', temp_directory: folder });
  const connection = await instance.connect();
  await connection.run('SET preserve_insertion_order = false');
  await connection.run(`
    COPY (
      SELECT 'u' || (hash(n) % ${users}) AS user_id,
        'item-' || floor(${items} * pow((hash(n, 1) % 1000003) / 1000003.0, 3))::INT AS item_id,
        TIMESTAMP '2024-01-01' + INTERVAL 1 SECOND * (hash(n, 2) % 31536000)::INT AS time,
        ['view', 'view', 'view', 'cart', 'purchase'][1 + (hash(n, 3) % 5)::INT] AS kind,
        hash(n, 4) % 100 AS price
      FROM range(${rows}) t(n)
    ) TO '${path.join(folder, 'events.csv')}'`);
  await connection.run(`
    COPY (
      SELECT 'item-' || n AS item_id, 'Title of ' || n AS title, 'group ' || n % 20 || '|all' AS categories,
        (n % 999) / 10.0 AS price
      FROM range(${items}) t(n)
    ) TO '${path.join(folder, 'items.csv')}'`);
  connection.closeSync();
  instance.closeSync();
}

async function measure(folder: string): Promise<void> {
  const config = v.parse(DataConfig, {
    events: {
      path: 'events.csv',
      where: 'price > 0',
      columns: { userId: 'user_id', itemId: 'item_id', time: 'time', kind: 'kind' },
    },
    items: {
      path: 'items.csv',
      columns: { itemId: 'item_id', title: 'title', categories: 'categories', price: 'price' },
    },
    eventKinds: { view: 0.2, cart: 0.5, purchase: 1 },
    minimumUserEvents: 5,
    minimumItemEvents: 5,
  });
  const started = performance.now();
  const before = process.cpuUsage();
  const { dataset } = await loadDataset(config, {
    baseDirectory: folder,
    signal: new AbortController().signal,
    progress: () => {},
  });
  const { user, system } = process.cpuUsage(before);
  console.table([
    {
      rows,
      events: dataset.items.length,
      users: dataset.userIds.length,
      items: dataset.itemIds.length - 1,
      'CPU s': Number(((user + system) / 1e6).toFixed(1)),
      'wall s': Number(((performance.now() - started) / 1e3).toFixed(1)),
      'peak RSS MB': Math.round(process.resourceUsage().maxRSS / 1024),
    },
  ]);
}

/** Prints one row. The measured part runs in a process of its own, so that peak memory is its alone. */
export async function bench(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'perigee-bench-'));
  try {
    await writeEvents(folder);
    spawnSync(process.execPath, [import.meta.filename, folder], { stdio: 'inherit' });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (import.meta.main) await (process.argv[2] === undefined ? bench() : measure(process.argv[2]));
