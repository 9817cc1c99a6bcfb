import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { eventsOf, ingest } from '../../fixtures/sources.ts';

const columns = { userId: 'user', itemId: 'item', time: 'ts' };
const rows = 'user,item,ts\nb,y,20\na,x,10\na,z,5\n';
const expected = { a: ['z@5', 'x@10'], b: ['y@20'] };

describe('formats', () => {
  it('reads csv, with the ids as they are written', async () => {
    const text = 'user,item,ts\n007,0.50,1\n7,.5,2\n';
    const { dataset } = await ingest({ 'e.csv': text }, { events: { path: 'e.csv', columns } });
    expect(eventsOf(dataset)).toEqual({ '007': ['0.50@1'], '7': ['.5@2'] });
  });

  it('reads tab-separated text without a header', async () => {
    const events = { path: 'e.tsv', columnNames: ['user', 'item', 'ts'], columns };
    const text = 'b\ty\t20\na\tx\t10\na\tz\t5\n';
    expect(eventsOf((await ingest({ 'e.tsv': text }, { events })).dataset)).toEqual(expected);
  });

  it('reads delimiters of several characters, and latin-1', async () => {
    const text = Buffer.from('a::caf\u00e9::10\na::x::20\n', 'latin1');
    const events = {
      path: 'e.dat',
      delimiter: '::',
      encoding: 'latin-1' as const,
      columnNames: ['user', 'item', 'ts'],
      columns,
    };
    expect(eventsOf((await ingest({ 'e.dat': text }, { events })).dataset)).toEqual({
      a: ['café@10', 'x@20'],
    });
  });

  it('reads JSON lines, with ids as they are written', async () => {
    const text =
      '{"user":"b","item":"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11","ts":20}\n{"user":"a","item":"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A12","ts":10}\n';
    const { dataset } = await ingest({ 'e.jsonl': text }, { events: { path: 'e.jsonl', columns } });
    expect(dataset.itemIds.slice(1)).toEqual([
      'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11',
      'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A12',
    ]);
  });

  it('reads gzip, patterns and several sources as one', async () => {
    const files = {
      'days/1.csv.gz': gzipSync('user,item,ts\nb,y,20\n'),
      'days/2.csv.gz': gzipSync('user,item,ts\na,x,10\n'),
      'more.csv': 'u;i;t\na;z;5\n',
    };
    const events = [
      { path: 'days/*.csv.gz', columns },
      { path: 'more.csv', delimiter: ';', columns: { userId: 'u', itemId: 'i', time: 't' } },
    ];
    const { dataset, quality } = await ingest(files, { events });
    expect(eventsOf(dataset)).toEqual(expected);
    expect(quality.rows).toEqual({ read: 3, kept: 3 });
  });

  it('reads quotes that come only after many lines without, and windows line ends', async () => {
    const plain = Array.from({ length: 30_000 }, (_, n) => `u${n},x,${n + 1}\r\n`).join('');
    const text = `user,item,ts\r\n${plain}late,"a,""b""",7\r\n`;
    const { dataset, quality } = await ingest({ 'e.csv': text }, { events: { path: 'e.csv', columns } });
    expect(eventsOf(dataset)['late']).toEqual(['a,"b"@7']);
    expect(quality.rows).toEqual({ read: 30_001, kept: 30_001 });
  });

  it('reads zstandard', async () => {
    const events = { path: 'e.csv.zst', columns };
    expect(eventsOf((await ingest({ 'e.csv.zst': zstdCompressSync(rows) }, { events })).dataset)).toEqual(
      expected,
    );
  });

  it('reads files of one pattern by their column names, whatever their order', async () => {
    const files = { '1.csv': 'user,item,ts\na,x,1\n', '2.csv': 'ts,extra,item,user\n2,9,007,b\n' };
    const { dataset } = await ingest(files, { events: { path: '*.csv', columns } });
    expect(eventsOf(dataset)).toEqual({ a: ['x@1'], b: ['007@2'] });
  });

  it('reads dates in the order that the file has', async () => {
    const text = 'user,item,ts\na,x,25/03/2020\na,y,04/03/2020\n';
    const { dataset } = await ingest({ 'e.csv': text }, { events: { path: 'e.csv', columns } });
    expect(eventsOf(dataset)).toEqual({
      a: [`y@${Date.UTC(2020, 2, 4) / 1000}`, `x@${Date.UTC(2020, 2, 25) / 1000}`],
    });
  });

  it('reads lists of items in one line', async () => {
    const events = {
      path: 'e.txt',
      delimiter: '\t',
      columnNames: ['line'],
      columns: { userId: "split_part(line, ' ', 1)", itemId: "unnest(string_split(line, ' ')[2:])" },
    };
    const { dataset } = await ingest({ 'e.txt': 'u1 c a b\nu0 b\n' }, { events });
    expect(eventsOf(dataset)).toEqual({ u0: ['b'], u1: ['c', 'a', 'b'] });
  });

  it('takes file names and column names with SQL in them as they are', async () => {
    const files = { "o'[1].csv": 'the "user";select;order\na;x;1\n' };
    const events = {
      path: "o'[1].csv",
      delimiter: ';',
      columns: { userId: 'the "user"', itemId: 'select', time: 'order' },
    };
    expect(eventsOf((await ingest(files, { events })).dataset)).toEqual({ a: ['x@1'] });
  });
});

describe('order and numbers', () => {
  it('keeps source order where times are equal, across files and threads', async () => {
    const line = (n: number) => `u${n % 7},i${n},${n % 3}\n`;
    const part = (from: number, to: number) =>
      `user,item,ts\n${Array.from({ length: to - from }, (_, i) => line(from + i)).join('')}`;
    const files = { '1.csv': part(0, 40_000), '2.csv': part(40_000, 60_000) };
    const { dataset } = await ingest(files, { events: { path: '?.csv', columns } });
    for (const [userId, events] of Object.entries(eventsOf(dataset))) {
      const user = Number(userId.slice(1));
      const own = Array.from({ length: 60_000 }, (_, n) => n).filter((n) => n % 7 === user);
      const sorted = own.toSorted((a, b) => (a % 3) - (b % 3) || a - b);
      expect(events).toEqual(sorted.map((n) => (n % 3 === 0 ? `i${n}` : `i${n}@${n % 3}`)));
    }
  });

  it('numbers ids by their bytes, not by UTF-16 units', async () => {
    const { dataset } = await ingest(
      { 'e.csv': 'user,item\n😀,b\nﬀ,a\nz,😀\nZ,ﬀ\n' },
      { events: { path: 'e.csv', header: true, columns: { userId: 'user', itemId: 'item' } } },
    );
    expect(dataset.userIds).toEqual(['Z', 'z', 'ﬀ', '😀']);
    expect(dataset.itemIds).toEqual(['', 'a', 'b', 'ﬀ', '😀']);
  });

  it('gives equal events an equal fingerprint, whatever file holds them', async () => {
    const csv = await ingest({ 'e.csv': rows }, { events: { path: 'e.csv', columns } });
    const other =
      'item|when|who\ny|1970-01-01 00:00:20|b\nz|1970-01-01 00:00:05|a\nx|1970-01-01 00:00:10|a\n';
    const events = {
      path: 'x/o.psv',
      delimiter: '|',
      columns: { userId: 'who', itemId: 'item', time: 'when' },
    };
    const psv = await ingest({ 'x/o.psv': other }, { events });
    expect(psv.fingerprint).toBe(csv.fingerprint);
    const changed = await ingest(
      { 'e.csv': rows.replace('20', '21') },
      { events: { path: 'e.csv', columns } },
    );
    expect(changed.fingerprint).not.toBe(csv.fingerprint);
  });
});

describe('times', () => {
  const times = async (values: readonly string[], time = 't') => {
    const text = `u,t\n${values.map((value) => `a,${value}`).join('\n')}\n`;
    const { dataset } = await ingest(
      { 'e.csv': text },
      {
        events: { path: 'e.csv', header: true, columns: { userId: 'u', itemId: "'x'", time } },
        quality: { missing: 1 },
      },
    );
    return [...dataset.times];
  };
  it.each([
    ['seconds', ['978300760'], [978300760]],
    ['milliseconds', ['978300760500'], [978300760.5]],
    ['microseconds', ['978300760500000'], [978300760.5]],
    ['dates', ['2001-01-01'], [978307200]],
    ['timestamps', ['2001-01-01 00:00:01.5'], [978307201.5]],
    ['timestamps with a zone', ['2001-01-01T01:00:00+01:00'], [978307200]],
    ['a mixture', ['978300760', '2001-01-01', 'yesterday', ''], [978300760, 978307200]],
  ])('reads %s', async (_, values, seconds) => {
    expect(await times(values)).toEqual(seconds);
  });
  it('refuses a type that is no time', async () => {
    await expect(times(['1'], 'CAST(t AS INT) = 1')).rejects.toThrow(
      'events e.csv: columns.time: expected a timestamp, a date or a number, found BOOLEAN',
    );
  });
});

describe('kinds, baskets and rules', () => {
  it('weighs kinds, takes none for the default, drops unknown ones', async () => {
    const text = 'user,item,ts,kind\na,v,1,view\na,p,2,buy\na,n,3,\na,s,4,share\n';
    const { dataset, quality } = await ingest(
      { 'e.csv': text },
      {
        events: { path: 'e.csv', columns: { ...columns, kind: 'kind' } },
        eventKinds: { buy: 1, view: 0.25 },
        defaultEventKind: 'view',
      },
    );
    expect(eventsOf(dataset)).toEqual({ a: ['v@1', 'p@2', 'n@3'] });
    expect([...dataset.weights]).toEqual([0.25, 1, 0.25]);
    const check = quality.checks.find(({ name }) => name === 'unknown kind');
    expect(check).toMatchObject({ severity: 'warning', value: 0.25, samples: [{ kind: 'share', rows: 1 }] });
  });

  it('refuses a default kind that is none', async () => {
    const data = { events: { path: 'e.csv', columns }, eventKinds: { buy: 1 }, defaultEventKind: 'by' };
    await expect(ingest({ 'e.csv': rows }, data)).rejects.toThrow(
      "data.defaultEventKind: expected one of data.eventKinds (buy), found 'by'",
    );
  });

  it('numbers baskets by user and first event; an event without one is its own', async () => {
    const text = 'user,item,ts,basket\nb,x,1,B1\na,x,1,B1\na,y,2,B2\na,z,3,B1\na,v,4,\na,w,5,\n';
    const { dataset } = await ingest(
      { 'e.csv': text },
      { events: { path: 'e.csv', columns: { ...columns, basketId: 'basket' } } },
    );
    expect([...dataset.baskets!]).toEqual([0, 1, 0, 2, 3, 4]);
  });

  it('keeps the first or the last of repeats', async () => {
    const text = 'user,item,ts\na,x,1\na,y,2\na,x,3\nb,x,4\n';
    const load = async (repeats: 'first' | 'last') =>
      eventsOf((await ingest({ 'e.csv': text }, { events: { path: 'e.csv', columns }, repeats })).dataset);
    expect(await load('first')).toEqual({ a: ['x@1', 'y@2'], b: ['x@4'] });
    expect(await load('last')).toEqual({ a: ['y@2', 'x@3'], b: ['x@4'] });
  });

  it('drops rare users and items until none is left', async () => {
    // Without d, item r has one event; without r, user c has one; a, b with x, y are the 2-core.
    const text = 'user,item\na,x\na,y\nb,x\nb,y\nc,x\nc,r\nd,r\n';
    const { dataset, quality } = await ingest(
      { 'e.csv': text },
      {
        events: { path: 'e.csv', header: true, columns: { userId: 'user', itemId: 'item' } },
        minimumUserEvents: 2,
        minimumItemEvents: 2,
      },
    );
    expect(eventsOf(dataset)).toEqual({ a: ['x', 'y'], b: ['x', 'y'] });
    expect(dataset.itemIds).toEqual(['', 'x', 'y']);
    expect(quality.checks.find(({ name }) => name === 'too few events')?.message).toContain('3 of 7 events');
  });
});

describe('what cannot be read is one clear sentence', () => {
  const load = (events: object) =>
    ingest({ 'd/e.csv': rows }, { events: { path: 'd/e.csv', columns, ...events } });
  it.each([
    ['a missing file', { path: 'd/f.csv' }, /^No such file: .*\/d\/f\.csv$/],
    ['a pattern without files', { path: 'd/*.tsv' }, /^d\/\*\.tsv: no file matches this pattern in /],
    ['a folder', { path: 'd' }, "d: expected a file or a pattern such as 'd/*.csv', found a folder"],
    [
      'an unknown column',
      { columns: { ...columns, itemId: 'itm' } },
      "events d/e.csv: columns.itemId: there is no column 'itm'. Did you mean item? Columns: user, item, ts.",
    ],
    [
      'a wrong condition',
      { where: 'ts >' },
      /^events d\/e\.csv: where: syntax error .* Columns: user, item, ts\.$/,
    ],
    ['an unknown function', { where: 'is_good(ts)' }, /^events d\/e\.csv: where: .*is_good.* Columns: /],
    ['not Parquet', { format: 'parquet' }, /^events d\/e\.csv cannot be read: .*(magic bytes|too small)/],
    [
      'object storage without access',
      { path: 's3://b/e.csv' },
      's3://b/e.csv: reading from object storage is not set up here',
    ],
    [
      'half an address',
      { path: 's3://b' },
      's3://b: expected s3://bucket/key, a pattern is allowed in the key',
    ],
  ])('%s', async (_, events, message) => {
    const error = await load(events).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'DataError' });
    expect((error as Error).message).toMatch(message);
  });

  it('stops, and cleans up, when it is told to', async () => {
    const controller = new AbortController();
    const reason = new DOMException('interrupted', 'AbortError');
    const progress = () => controller.abort(reason);
    const loading = ingest(
      { 'e.csv': rows },
      { events: { path: 'e.csv', columns } },
      { signal: controller.signal, progress },
    );
    await expect(loading).rejects.toBe(reason);
  });

  it('stops in the middle of a statement', async () => {
    const controller = new AbortController();
    const reason = new DOMException('interrupted', 'AbortError');
    const events = { path: 'e.csv', columns: { ...columns, itemId: 'unnest(range(2000))' } };
    // Makes 100M rows: minutes, if it were not stopped.
    const text = `user,item,ts\n${'a,x,1\n'.repeat(50_000)}`;
    const loading = ingest({ 'e.csv': text }, { events }, { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 1_000);
    await expect(loading).rejects.toBe(reason);
  });

  it.each([
    ['an empty file', '', /(cannot be read|number of events: 0 events)/],
    ['a header alone', 'user,item,ts\n', /number of events: 0 events are left, at least 1 are needed/],
  ])('says when there is nothing: %s', async (_, text, message) => {
    const data = { events: { path: 'e.csv', header: true, columns }, quality: { minimumEvents: 1 } };
    await expect(ingest({ 'e.csv': text }, data)).rejects.toThrow(message);
  });
});

describe('context', () => {
  const context = { daytime: 'daytime', where: "coalesce(city, 'somewhere')" };
  const events = (more = {}) => ({ path: 'e.csv', columns: { ...columns, context, ...more } });
  const text = 'user,item,ts,daytime,city\nb,y,20,noon,Rome\na,x,10,evening,\na,z,5,,Oslo\n';

  it("numbers each feature's values from 1 in byte order, 0 where there is none, in the events' order", async () => {
    const { dataset } = await ingest({ 'e.csv': text }, { events: events() });
    expect(eventsOf(dataset)).toEqual(expected);
    expect(dataset.context).toEqual({
      names: ['daytime', 'where'],
      values: [
        ['evening', 'noon'],
        ['Oslo', 'Rome', 'somewhere'],
      ],
      columns: [Int32Array.of(0, 1, 2), Int32Array.of(1, 3, 2)],
    });
  });

  it('of several sources is unknown where a source has none', async () => {
    const files = { 'e.csv': text, 'more.csv': 'user,item,ts\nc,x,1\n' };
    const { dataset } = await ingest(files, { events: [events(), { path: 'more.csv', columns }] });
    expect(dataset.context!.columns[0]).toEqual(Int32Array.of(0, 1, 2, 0));
  });

  it('is absent where it is not configured, and part of the fingerprint where it is', async () => {
    const bare = await ingest({ 'e.csv': text }, { events: { path: 'e.csv', columns } });
    expect('context' in bare.dataset).toBe(false);
    const one = await ingest({ 'e.csv': text }, { events: events() });
    const other = await ingest({ 'e.csv': text.replace('noon', 'night') }, { events: events() });
    expect(new Set([bare, one, other].map(({ fingerprint }) => fingerprint)).size).toBe(3);
  });

  it('makes another event of what would be a duplicate', async () => {
    const rows = 'user,item,ts,daytime,city\na,x,1,noon,Rome\na,x,1,noon,Oslo\na,x,1,noon,Rome\n';
    const duplicates = async (from: { path: string; columns: typeof columns }) => {
      const { quality } = await ingest({ 'e.csv': rows }, { events: from, quality: { duplicates: 1 } });
      return quality.checks.find(({ name }) => name === 'duplicates')?.value;
    };
    expect(await duplicates(events())).toBeCloseTo(1 / 3, 10);
    expect(await duplicates({ path: 'e.csv', columns })).toBeCloseTo(2 / 3, 10);
  });

  it('names the feature whose expression does not fit, or that has no value', async () => {
    const load = (daytime: string) => ingest({ 'e.csv': text }, { events: events({ context: { daytime } }) });
    await expect(load('dytime')).rejects.toThrow(
      /columns\.context\.daytime: there is no column 'dytime'.*daytime/,
    );
    await expect(load('NULL')).rejects.toThrow(
      /context\.daytime: expected 1 to 4096 different values, found 0/,
    );
    await expect(load("repeat('x', 300)")).rejects.toThrow(/at most 256 characters, found one of 300/);
  });
});
