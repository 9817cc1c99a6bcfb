import { describe, expect, it } from 'vitest';
import { eventsOf, ingest } from '../../fixtures/sources.ts';

const events = { path: 'e.csv', header: true, columns: { userId: 'user', itemId: 'item' } };
const eventText = 'user,item\nu,1\nu,2\nu,3\n';

describe('item attributes', () => {
  it('reads every attribute; what cannot be read is left out', async () => {
    const text = [
      'id;title;cats;price;url;image;stock',
      '1;" One ";a|b| a |;9.5;http://x/1;http://x/1.png;true',
      '2;;;cheap;;;0',
      '9;Nine;z;1;;;true',
    ].join('\n');
    const { dataset, quality } = await ingest(
      { 'e.csv': eventText, 'i.csv': text },
      {
        events,
        items: {
          path: 'i.csv',
          delimiter: ';',
          columns: {
            itemId: 'id',
            title: 'title',
            categories: 'cats',
            price: 'price',
            url: 'url',
            image: 'image',
            available: 'stock',
          },
        },
      },
    );
    expect(dataset.attributes).toEqual([
      undefined,
      {
        title: 'One',
        categories: ['a', 'b'],
        price: 9.5,
        url: 'http://x/1',
        image: 'http://x/1.png',
        available: true,
      },
      { available: false },
      undefined,
    ]);
    const found = Object.fromEntries(quality.checks.map((check) => [check.name, check]));
    expect(found['items without attributes']).toMatchObject({
      severity: 'warning',
      value: 1 / 3,
      samples: [{ itemId: '3', events: 1 }],
    });
    expect(found['items without events']).toMatchObject({ severity: 'ok', value: 1 / 3 });
  });

  it('reads declared attributes by the types of their expressions', async () => {
    const rows = [
      '{"id": 1, "brand": " Acme ", "grams": 250, "since": "2020-01-02", "vegan": true, "in": ["a", "a", "b"]}',
      '{"id": 2, "brand": "", "grams": null, "since": null, "vegan": null, "in": []}',
    ].join('\n');
    const attributes = {
      brand: 'brand',
      kilograms: 'grams / 1000',
      since: 'CAST(since AS DATE)',
      vegan: 'vegan',
      colours: '"in"',
    };
    const items = { path: 'i.jsonl', columns: { itemId: 'id', attributes } };
    const { dataset, quality } = await ingest({ 'e.csv': eventText, 'i.jsonl': rows }, { events, items });
    const since = Date.parse('2020-01-02') / 1000;
    expect(dataset.attributes.slice(1)).toEqual([
      { brand: 'Acme', kilograms: 0.25, since, vegan: true, colours: ['a', 'b'] },
      {},
      undefined,
    ]);
    const gaps = quality.checks.filter(({ name }) => name === 'missing attribute');
    expect(gaps.map(({ message }) => message)).toEqual(
      Object.keys(attributes).map((name) => expect.stringContaining(`have no ${name}`)),
    );
  });

  it('takes categories from a list', async () => {
    const text = '{"id": 1, "tags": ["a", "b", null]}\n{"id": 2, "tags": []}\n';
    const items = { path: 'i.jsonl', columns: { itemId: 'id', categories: 'tags' } };
    const { dataset } = await ingest({ 'e.csv': eventText, 'i.jsonl': text }, { events, items });
    expect(dataset.attributes.slice(1)).toEqual([{ categories: ['a', 'b'] }, {}, undefined]);
  });

  it('unites the words of all rows and sources of an item', async () => {
    const pairs = 'id,name,word\n1,One,b\n1,One,a\n3,Three,\n1,One,b\n';
    const lists = '{"id": 1, "tags": ["c", null, " a "]}\n{"id": 2, "tags": ["a|b"]}\n';
    const { dataset, quality } = await ingest(
      { 'e.csv': eventText, 'i.csv': pairs, 'i.jsonl': lists },
      {
        events,
        items: [
          { path: 'i.csv', header: true, columns: { itemId: 'id', title: 'name', features: 'word' } },
          { path: 'i.jsonl', columns: { itemId: 'id', features: 'tags' } },
        ],
      },
    );
    expect(dataset.features).toEqual([[], ['a', 'b', 'c'], ['a|b'], []]);
    // The second source knows item 1 too, and has nothing else to say of it.
    expect(dataset.attributes).toEqual([undefined, { title: 'One' }, {}, { title: 'Three' }]);
    expect(quality.checks.filter(({ name }) => name === 'conflicting item rows')).toEqual([]);
    expect(quality.checks.filter(({ name }) => name === 'missing attribute')).toMatchObject([
      { message: expect.stringContaining('have no title') },
      { message: expect.stringContaining('have no features'), value: 1 / 3 },
    ]);
  });

  it('has no words where no column names them', async () => {
    const items = { path: 'i.csv', header: true, columns: { itemId: 'id' } };
    const { dataset } = await ingest({ 'e.csv': eventText, 'i.csv': 'id\n1\n' }, { events, items });
    expect('features' in dataset).toBe(false);
  });

  it('unfolds a row that holds several items', async () => {
    const text = '{"1": [4, 5], "2": [4]}\n';
    const { dataset } = await ingest(
      { 'e.csv': eventText, 'i.json': text },
      {
        events,
        items: {
          path: 'i.json',
          format: 'csv',
          delimiter: '\t',
          columnNames: ['line'],
          columns: {
            itemId: `unnest(regexp_extract_all(line, '"(\\d+)": \\[', 1))`,
            title: "'same'",
            features: `string_split(unnest(regexp_extract_all(line, '": \\[(.*?)\\]', 1)), ', ')`,
          },
        },
      },
    );
    expect(dataset.features).toEqual([[], ['4', '5'], ['4'], []]);
    expect(dataset.attributes[2]).toEqual({ title: 'same' });
  });

  it('numbers new items among the others where they are kept; what the minimums drop is not new', async () => {
    const { dataset, quality } = await ingest(
      {
        'e.csv': 'user,item\nu,b\nv,b\nu,é\nv,é\nu,rare\n',
        'i.csv': 'id,name\na,A\nb,B\n\u{1f600},S\n\uffee,H\nrare,R\n',
      },
      {
        events,
        items: { path: 'i.csv', header: true, columns: { itemId: 'id', title: 'name', features: 'name' } },
        minimumItemEvents: 2,
        itemsWithoutEvents: 'keep',
      },
    );
    // In byte order, which is not that of UTF-16.
    expect(dataset.itemIds).toEqual(['', 'a', 'b', 'é', '\uffee', '\u{1f600}']);
    expect(dataset.attributes.map((known) => known?.title)).toEqual([
      undefined,
      'A',
      'B',
      undefined,
      'H',
      'S',
    ]);
    expect(dataset.features).toEqual([[], ['A'], ['B'], [], ['H'], ['S']]);
    expect(eventsOf(dataset)).toEqual({ u: ['b', 'é'], v: ['b', 'é'] });
    expect(quality.checks.find(({ name }) => name === 'items without events')).toMatchObject({
      value: 4 / 5,
      message: expect.stringContaining('3 of them are new'),
    });
  });

  it('aggregates the rows of an item; among equally common values the first stands', async () => {
    const text = 'id,name,price\n1,b,1\n1,a,2\n1,a,9\n2,y,4\n2,x,6\n';
    const items = {
      path: 'i.csv',
      columns: { itemId: 'id', title: 'mode(name)', price: 'median(price)' },
    };
    const { dataset, quality } = await ingest({ 'e.csv': eventText, 'i.csv': text }, { events, items });
    expect(dataset.attributes.slice(1, 3)).toEqual([
      { title: 'a', price: 2 },
      { title: 'y', price: 5 },
    ]);
    expect(quality.checks.find(({ name }) => name === 'several titles')).toMatchObject({
      severity: 'warning',
      value: 1,
      samples: [
        { itemId: '1', 'different titles': 2, titles: ['a', 'b'] },
        { itemId: '2', 'different titles': 2, titles: ['x', 'y'] },
      ],
    });
  });

  it('lets the first row stand where rows disagree, and says so', async () => {
    const text = 'id,name\n1,first\n1,second\n1,first\n2,only\n';
    const items = { path: 'i.csv', header: true, columns: { itemId: 'id', title: 'name' } };
    const { dataset, quality } = await ingest({ 'e.csv': eventText, 'i.csv': text }, { events, items });
    expect(dataset.attributes[1]).toEqual({ title: 'first' });
    expect(quality.checks.find(({ name }) => name === 'conflicting item rows')).toMatchObject({
      severity: 'warning',
      value: 1,
      samples: [{ itemId: '1', title: 'second' }],
    });
  });

  it('prefers the earlier of two sources', async () => {
    const files = { 'e.csv': eventText, 'a.csv': 'id,name\n1,A\n', 'b.csv': 'id,name\n1,B\n2,B\n' };
    const source = (path: string) => ({ path, header: true, columns: { itemId: 'id', title: 'name' } });
    const { dataset } = await ingest(files, { events, items: [source('a.csv'), source('b.csv')] });
    expect(dataset.attributes.slice(1, 3)).toEqual([{ title: 'A' }, { title: 'B' }]);
  });
});
