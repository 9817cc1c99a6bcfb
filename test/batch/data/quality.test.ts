import { beforeAll, describe, expect, it } from 'vitest';
import { loadDataset } from '../../../batch/data/ingest.ts';
import { DataQualityError, type QualityCheck, type QualityReport } from '../../../batch/data/quality.ts';
import { parseConfig } from '../../../batch/load-config.ts';
import config from '../../../perigee.config.ts';
import { contextIn, ingest } from '../../fixtures/sources.ts';

const named = (report: QualityReport, name: string): QualityCheck[] =>
  report.checks.filter((check) => check.name === name);

describe('Online Retail, as its shop wrote it', () => {
  let report: QualityReport;
  /** Rows that a condition drops, by the condition as the report prints it. */
  let dropped: Record<string, { rows: number; samples: unknown }>;

  beforeAll(async () => {
    const { data } = parseConfig(config, 'perigee.config.ts');
    const root = new URL('../../..', import.meta.url).pathname;
    const loaded = await loadDataset(data, contextIn(root));
    report = loaded.quality;
    expect(loaded.dataset.items.length).toBe(396_337);
    const events = report.checks.filter(
      ({ name, message }) => name === 'dropped by condition' && message.startsWith('events'),
    );
    dropped = Object.fromEntries(
      events.map(({ message, value, samples }) => [
        /fail '(.*)'$/s.exec(message)![1]!,
        { rows: Math.round(value * 541_909), samples },
      ]),
    );
  }, 60_000);

  it('has 541,909 rows, of which 396,337 are events', () => {
    expect(report.rows).toEqual({ read: 541_909, kept: 396_337 });
    expect(report.summary).toBe('541,909 rows, 396,337 events of 4,334 users and 3,659 items');
  });

  it('has 135,080 rows without a customer', () => {
    const customers = report.sources[0]!.columns.find(({ name }) => name === 'CustomerID');
    expect(customers).toEqual({ name: 'CustomerID', type: 'INTEGER', missing: 135_080 });
    expect(dropped['CustomerID IS NOT NULL']?.rows).toBe(135_080);
  });

  it('has 9,288 cancelled rows and 10,624 returned quantities', () => {
    expect(dropped["NOT starts_with(InvoiceNo, 'C')"]?.rows).toBe(9_288);
    expect(dropped['Quantity > 0']?.rows).toBe(10_624);
    expect(dropped['UnitPrice > 0']).toEqual({
      rows: 2_517,
      samples: [
        { UnitPrice: 0, rows: 2_515 },
        { UnitPrice: -11_062.06, rows: 2 },
      ],
    });
  });

  it('has stock codes that are no products', () => {
    expect(dropped["regexp_matches(StockCode, '^[0-9]{5}')"]?.samples).toEqual([
      { StockCode: 'POST', rows: 1_256 },
      { StockCode: 'DOT', rows: 710 },
      { StockCode: 'M', rows: 571 },
      { StockCode: 'C2', rows: 144 },
      { StockCode: 'D', rows: 77 },
    ]);
  });

  it("has a clerk's notes for descriptions, and several descriptions for a code", () => {
    const notes = report.checks.find(({ message }) => message.endsWith("fail 'length(Description) > 5'"));
    expect(notes?.samples).toContainEqual({ Description: '?', rows: 47 });
    const [several] = named(report, 'several titles');
    expect(several).toMatchObject({ severity: 'warning', value: 219 / 3_877 });
    expect(several?.samples?.[0]).toMatchObject({ itemId: '23196', 'different titles': 4 });
  });
});

const columns = { userId: 'u', itemId: 'i', time: 't' };
const now = new Date('2020-01-01T00:00:00Z');
const seconds = now.getTime() / 1000;
const lines = (rows: readonly (readonly (string | number)[])[]): string =>
  `u,i,t\n${rows.map((row) => row.join(',')).join('\n')}\n`;
const check = async (text: string, name: string, quality = {}) => {
  const { quality: report } = await ingest(
    { 'e.csv': text },
    { events: { path: 'e.csv', header: true, columns }, quality },
    { now },
  );
  return named(report, name)[0];
};

describe('checks of hand-made events', () => {
  it('counts missing users, items and times, with the rows', async () => {
    const text = lines([
      ['', 'x', 1],
      ['a', '', 2],
      ['a', 'y', 'soon'],
      ['a', 'z', 4],
    ]);
    expect(await check(text, 'missing user')).toMatchObject({
      severity: 'warning',
      value: 0.25,
      samples: [{ u: null, i: 'x' }],
    });
    expect(await check(text, 'missing item')).toMatchObject({ value: 0.25, samples: [{ u: 'a', i: null }] });
    expect(await check(text, 'missing time')).toMatchObject({ value: 0.25, samples: [{ t: 'soon' }] });
  });

  it('counts malformed lines, with their numbers', async () => {
    const filler = Array.from({ length: 30_000 }, (_, n) => [`u${n}`, 'x', n + 1]);
    const text = `${lines(filler)}late,x,not a number\nlate,x,1,2\n`;
    const found = await check(text, 'malformed lines');
    expect(found).toMatchObject({ severity: 'warning', value: 2 / 30_002 });
    expect(found?.samples).toMatchObject([{ line: 30_002, text: 'late,x,not a number' }, { line: 30_003 }]);
  });

  it('counts exact duplicates, not repeats at another time', async () => {
    const text = lines([
      ['a', 'x', 5],
      ['a', 'y', 5],
      ['a', 'x', 5],
      ['a', 'x', 6],
      ['b', 'x', 5],
      ['a', 'x', 5],
    ]);
    expect(await check(text, 'duplicates')).toMatchObject({ severity: 'warning', value: 2 / 6 });
  });

  it('finds times in the future, before 1990 and all the same', async () => {
    const text = lines([
      ['a', 'x', seconds + 1],
      ['a', 'y', seconds],
      ['b', 'x', 5],
      ['b', 'y', seconds],
    ]);
    expect(await check(text, 'future times', { futureTimes: 1 })).toMatchObject({
      value: 0.25,
      severity: 'warning',
    });
    expect(await check(text, 'early times', { futureTimes: 1 })).toMatchObject({
      value: 0.25,
      severity: 'warning',
    });
    expect(await check(text, 'constant time', { futureTimes: 1 })).toMatchObject({
      value: 0.5,
      severity: 'ok',
    });
    const same = lines([
      ['a', 'x', seconds],
      ['b', 'y', seconds],
    ]);
    expect(await check(same, 'constant time')).toMatchObject({ value: 1, severity: 'warning' });
  });

  it('finds users that no person can be', async () => {
    const bot = Array.from({ length: 1_001 }, (_, n) => ['bot', `i${n}`, seconds - 86_400 + n]);
    const steady = Array.from({ length: 1_001 }, (_, n) => ['fan', `i${n}`, seconds - 1_001 * 600 + n * 600]);
    const found = await check(lines([...bot, ...steady]), 'machine-like users');
    expect(found).toMatchObject({
      severity: 'warning',
      value: 0.5,
      samples: [{ userId: 'bot', events: 1_001, busiestDay: 1_001 }],
    });
  });

  it('finds values below zero where they are not dropped', async () => {
    const text = lines([
      ['a', 'x', 5],
      ['a', 'y', -5],
    ]);
    expect(await check(text, 'negative values')).toMatchObject({
      severity: 'warning',
      value: 0.5,
      message: 'events e.csv: t is below zero in 1 of 2 kept rows (50 %)',
    });
  });

  it('measures the long tail', async () => {
    // Counts 1, 1, 2, 4: Gini = 2 · (1·1 + 2·1 + 3·2 + 4·4) / (4 · 8) − 5/4 = 0.3125.
    const items = ['p', 'q', 'r', 'r', 's', 's', 's', 's'];
    const text = lines(items.map((item, n) => [`u${n % 3}`, item, n + 1]));
    expect(await check(text, 'long tail')).toMatchObject({ value: 0.3125 });
    expect(await check(text, 'cold items')).toMatchObject({ value: 1 });
  });

  it('counts a condition that may fail on rows which another one drops', async () => {
    const { quality } = await ingest(
      { 'e.csv': 'u,i,n\na,x,1\na,y,none\na,z,3\n' },
      {
        events: {
          path: 'e.csv',
          header: true,
          where: "n <> 'none' AND CAST(n AS INT) > 2",
          columns: { userId: 'u', itemId: 'i' },
        },
      },
    );
    expect(named(quality, 'dropped by condition').map(({ value }) => value)).toEqual([1 / 3, 2 / 3]);
    expect(quality.rows).toEqual({ read: 3, kept: 1 });
  });
});

describe('thresholds stop the run', () => {
  const good = Array.from({ length: 20 }, (_, n) => [`u${n % 4}`, `i${n % 5}`, seconds - n]);
  it.each([
    [
      'missing',
      [...good, ['', 'x', 1]],
      { missing: 0.01 },
      /missing user: 1 of 21 kept rows \(4\.8 %\) have no user; the limit is 1 %/,
    ],
    ['duplicates', [...good, ...good], { duplicates: 0.4 }, /duplicates: 20 of 40 events \(50 %\)/],
    [
      'futureTimes',
      [...good, ['a', 'x', seconds + 9]],
      {},
      /future times: 1 of 21 events .* the last on 2020-01-01T00:00:09Z/,
    ],
    [
      'userShare',
      good,
      { userShare: 0.2 },
      /largest user: user u0 has 5 of 20 events \(25 %\); the limit is 20 %/,
    ],
    [
      'minimumEvents',
      good,
      { minimumEvents: 21 },
      /number of events: 20 events are left, at least 21 are needed/,
    ],
    ['minimumUsers', good, { minimumUsers: 5 }, /number of users: 4 users/],
    ['minimumItems', good, { minimumItems: 6 }, /number of items: 5 items/],
  ])('%s', async (_, rows, quality, message) => {
    const error = await check(lines(rows), 'x', quality).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DataQualityError);
    expect((error as Error).message).toMatch(message);
    expect((error as DataQualityError).report.checks[0]?.severity).toBe('error');
  });

  it('minimumEvents, naming the rules that left too few', async () => {
    const loading = ingest(
      { 'e.csv': lines(good) },
      { events: { path: 'e.csv', columns }, minimumUserEvents: 6, quality: { minimumEvents: 1 } },
      { now },
    );
    await expect(loading).rejects.toThrow(
      'number of events: 0 events are left, at least 1 are needed; minimumUserEvents: 6 and minimumItemEvents: 1 left out 20 events',
    );
  });

  it('dropped, and names every failed check at once', async () => {
    const loading = ingest(
      { 'e.csv': lines(good) },
      {
        events: { path: 'e.csv', columns, where: "u = 'u1'" },
        quality: { dropped: 0.5, minimumUsers: 2 },
      },
      { now },
    );
    await expect(loading).rejects.toThrow(
      /fail 2 checks .*\n.*dropped by where: .*15 of 20 rows \(75 %\); the limit is 50 %|number of users: 1 users/s,
    );
  });
});
