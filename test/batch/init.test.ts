import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { loadDataset } from '../../batch/data/ingest.ts';
import { askFor, type Interview } from '../../batch/init/ask.ts';
import { type InitOptions, init } from '../../batch/init.ts';
import { loadConfig } from '../../batch/load-config.ts';
import { contextIn, folderOf } from '../fixtures/sources.ts';

/** Where nobody answers; what is said goes to `lines`. */
const unattended = (lines: string[] = []): Interview =>
  askFor({ stdin: {}, stdout: { write: (text) => lines.push(text) } });

/** Writes a config beside these files; returns it, parsed, with the dataset that it makes. */
async function initialise(
  files: Readonly<Record<string, string | Uint8Array>>,
  options: Omit<InitOptions, 'config'>,
  interview = unattended(),
) {
  await using sources = await folderOf(files);
  const file = path.join(sources.folder, 'perigee.config.ts');
  await init({ config: file, ...options }, interview);
  const config = await loadConfig(file);
  const quality = {
    ...config.data.quality,
    minimumEvents: 0,
    minimumUsers: 0,
    minimumItems: 0,
    userShare: 1,
    futureTimes: 1,
  };
  const { dataset } = await loadDataset(
    { ...config.data, quality, minimumUserEvents: 1, minimumItemEvents: 1 },
    contextIn(sources.folder),
  );
  return { config, dataset, text: await readFile(file, 'utf8') };
}

const rows = (header: string, row: (n: number) => string): string =>
  `${[header, ...Array.from({ length: 60 }, (_, n) => row(n))].filter((line) => line !== '').join('\n')}\n`;

describe('perigee init', () => {
  it('guesses columns, kinds and items of a shop', async () => {
    const files = {
      'log/events.csv': rows('event_time,event_type,product_id,brand,price,user_id', (n) => {
        const kind = n === 9 ? 'refund' : ['view', 'cart', 'purchase'][n % 3];
        return `2024-01-01 00:00:${String(n).padStart(2, '0')} UTC,${kind},${1000 + (n % 7)},b,${n},${n % 5}`;
      }),
      'products.csv': rows('sku,name,category,list price', (n) => `${1000 + n},"Thing, ${n}",a|b,${n}.5`),
    };
    const { config, dataset, text } = await initialise(files, {
      events: 'log/events.csv',
      items: 'products.csv',
      name: 'Shop',
    });
    expect(config).toMatchObject({
      name: 'Shop',
      data: {
        events: {
          path: 'log/events.csv',
          columns: { userId: 'user_id', itemId: 'product_id', time: 'event_time', kind: 'event_type' },
        },
        items: { columns: { itemId: 'sku', title: 'name', categories: 'category', price: 'list price' } },
        eventKinds: { view: 0.2, cart: 0.5, purchase: 1 },
      },
      split: { kind: 'leave-one-out' },
    });
    expect(config.data.eventKinds).not.toHaveProperty('refund');
    expect(text).toContain("take a choice back: 'refund'");
    expect(dataset.items).toHaveLength(59);
    expect(dataset.attributes[1]).toEqual({ title: 'Thing, 0', categories: ['a', 'b'], price: 0.5 });
  });

  it('names the columns of a file without a header, finds :: and latin-1', async () => {
    const files = {
      'ratings.dat': rows('', (n) => `${n % 6}::${n % 9}::${1 + (n % 5)}::${978300000 + n}`),
      'movies.dat': Buffer.from(
        rows('', (n) => `${n}::Caf\u00e9 ${n}::Drama|War`),
        'latin1',
      ),
    };
    const { config, dataset, text } = await initialise(files, { events: 'ratings.dat', items: 'movies.dat' });
    expect(config.data.events).toMatchObject({
      delimiter: '::',
      columnNames: ['userId', 'itemId', 'rating', 'time'],
      columns: { userId: 'userId', itemId: 'itemId', time: 'time' },
    });
    expect(text).toContain("where: 'rating >= 4'");
    expect(dataset.attributes[1]).toEqual({ title: 'Café 0', categories: ['Drama', 'War'] });
  });

  it('chooses the last-basket split where there are invoices, and one value of many for an item', async () => {
    const files = {
      'sales.tsv.gz': gzipSync(
        rows('Invoice No\tStock Code\tDescription\tQuantity\tUnit Price\tCustomer ID\tInvoice Date', (n) =>
          [
            `I${n >> 2}`,
            n % 8,
            n % 16 < 12 ? 'Cup' : 'cup',
            1,
            n,
            n % 5,
            `2024-02-${String(1 + (n >> 2)).padStart(2, '0')}`,
          ].join('\t'),
        ),
      ),
    };
    const { config, dataset, text } = await initialise(files, {
      events: 'sales.tsv.gz',
      items: 'sales.tsv.gz',
    });
    expect(config.split).toMatchObject({ kind: 'last-basket' });
    expect(config.data.events).toMatchObject({
      columns: { userId: 'Customer ID', itemId: 'Stock Code', time: 'Invoice Date', basketId: 'Invoice No' },
    });
    expect(config.data.items).toMatchObject({
      columns: { title: 'mode(Description)', price: 'median("Unit Price")' },
    });
    expect(text).toContain("where: 'Quantity > 0'");
    expect(dataset.baskets?.length).toBe(60);
    expect(dataset.attributes[1]?.title).toBe('Cup');
  });

  it('reads dates and numbers as they are written between Lisbon and Warsaw', async () => {
    const files = {
      'e.csv': rows('user;item;Datum;Preis', (n) =>
        [
          `u${n % 6}`,
          `i${n % 7}`,
          `${10 + (n % 7)}.03.2024 14:${10 + (n % 50)}`,
          `1.${100 + (n % 7)},50`,
        ].join(';'),
      ),
    };
    const { config, dataset } = await initialise(files, { events: 'e.csv', items: 'e.csv', price: 'Preis' });
    expect(config.split).toEqual({ kind: 'leave-one-out' });
    expect(dataset.items.length).toBe(60);
    expect(new Date(dataset.times[0]! * 1e3).toISOString()).toMatch(/^2024-03-1\d/);
    expect(dataset.attributes[1]?.price).toBe(1100.5);
  });

  it('holds users out where events have no time, and takes columns from flags', async () => {
    const files = {
      'likes.jsonl': rows('', (n) => JSON.stringify({ who: `u${n % 6}`, what: `"${n % 7}'`, order: n })),
    };
    const options = { events: 'likes.jsonl', 'user-id': 'who', 'item-id': 'what' };
    const { config, dataset } = await initialise(files, options);
    expect(config.split).toMatchObject({ kind: 'held-out-users' });
    expect(dataset.itemIds[1]).toBe(`"0'`);
  });

  it('asks, and takes the answers', async () => {
    const asked: string[] = [];
    const answers: Record<string, string> = {
      'The file of events (a path or a pattern)?': 'e.csv',
      'What is recommended?': "O'Neill",
      'Which column is the user?': 'b',
    };
    const interview: Interview = {
      open: () => {},
      close: () => {},
      async text(question, guess) {
        asked.push(question);
        return answers[question] ?? guess ?? '';
      },
      async choose(question, choices, guess) {
        asked.push(`${question} ${choices.join('/')}`);
        return answers[question] ?? guess ?? choices[0];
      },
    };
    const files = { 'e.csv': rows('a,b,time', (n) => `i${n % 3},u${n % 4},${1e9 + n}`) };
    const { config } = await initialise(files, { kind: 'a' }, interview);
    expect(config.name).toBe("O'Neill");
    expect(config.data.events).toMatchObject({
      columns: { userId: 'b', itemId: 'a', time: 'time', kind: 'a' },
    });
    expect(asked).toContain('Which column is the user? a/b/time');
    expect(asked.some((question) => question.startsWith('Which column is the kind'))).toBe(false);
  });

  it('never replaces a file unasked', async () => {
    await using sources = await folderOf({ 'perigee.config.ts': 'mine', 'e.csv': 'user,item\na,b\n' });
    const config = path.join(sources.folder, 'perigee.config.ts');
    await expect(init({ config, events: 'e.csv' }, unattended())).rejects.toThrow(
      /exists; --force replaces it/,
    );
    expect(await readFile(config, 'utf8')).toBe('mine');
    const lines: string[] = [];
    await init({ config, events: 'e.csv', force: true }, unattended(lines));
    expect(await readFile(config, 'utf8')).toContain('defineConfig');
    expect(lines.join('')).toMatch(/^Wrote .*perigee\.config\.ts\. Now: npm start -- --config /);
  });

  it.each([
    ['no file named', {}, /There is no terminal to ask at: give it as a flag, such as --events/],
    ['a missing file', { events: 'none.csv' }, /No such file: .*none\.csv/],
    [
      'a column that is not there',
      { events: 'e.csv', 'user-id': 'uid' },
      "no column 'uid' for userId; the file has a, b",
    ],
    [
      'a column of items that is not there',
      { events: 'u.csv', items: 'e.csv', 'item-id': 'b', 'user-id': 'a', available: 'stock' },
      "no column 'stock' for available; the file has a, b",
    ],
    [
      'columns that say nothing',
      { events: 'e.csv' },
      'which column is the userId? --user-id names it; the file has a, b',
    ],
    ['a binary file', { events: 'x.parquet' }, /x\.parquet cannot be read: /],
  ])('says what is missing: %s', async (_, options, message) => {
    const pairs = rows('a,b', (n) => `${n},${n}`);
    const files = { 'e.csv': pairs, 'u.csv': pairs, 'x.parquet': 'no parquet at all' };
    await expect(initialise(files, options)).rejects.toThrow(message);
  });
});
