import { parseHTML } from 'linkedom';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ReportInput, renderReport } from '../../../batch/evaluate/report.ts';
import { reportInput } from './report-input.ts';

describe('the report', () => {
  let input: ReportInput;
  let page: string;
  let document: Document;

  const read = (other: ReportInput): Document =>
    parseHTML(renderReport(other)).document as unknown as Document;
  const text = (selector: string, from = document): string =>
    [...from.querySelectorAll(selector)].map((element) => element.textContent).join(' ');

  beforeAll(async () => {
    input = await reportInput();
    page = renderReport(input);
    document = parseHTML(page).document as unknown as Document;
  });

  it('is the same bytes for the same input', () => {
    expect(renderReport(input)).toBe(page);
  });

  it('makes no element and no attribute of what the catalogue, the data or the config says', () => {
    expect(document.querySelectorAll('script, img, b, iframe, object')).toHaveLength(0);
    const attributes = [...document.querySelectorAll('*')].flatMap((element) => element.getAttributeNames());
    expect(attributes.filter((name) => name.startsWith('on'))).toEqual([]);
    expect(text('.examples')).toContain('<script>alert(1)</script>');
    expect(text('.checks')).toContain('</style></title></svg><script>alert(2)</script>');
    expect(text('#slices figure text')).toContain('<script>');
    expect(text('h1')).toContain('"><img src=x onerror=alert(1)>');
    for (const raw of ['<script', '<img', '\0', '\x07']) expect(page).not.toContain(raw);
  });

  it('asks for nothing from outside itself', () => {
    expect(page).not.toMatch(/(?:src|href|action|data)="(?!#|data:,)/);
    expect(page).not.toMatch(/url\(|@import|https?:\/\/(?!www\.w3\.org)/);
    const policy = document
      .querySelector('meta[http-equiv="Content-Security-Policy"]')!
      .getAttribute('content');
    expect(policy).toContain("default-src 'none'");
  });

  it('has one table row for each model, best first, the chosen one marked', () => {
    const rows = [...document.querySelectorAll('#models table')[0]!.querySelectorAll('tbody tr')];
    const found = rows.map((row) => row.querySelector('th')!.textContent!.trim().split(/\s+/)[0]);
    const expected = input.models
      .toSorted((a, b) => b.test.metrics['ndcg@5']!.value - a.test.metrics['ndcg@5']!.value)
      .map(({ name }) => name);
    expect(found).toEqual(expected);
    expect(text('#models table .winner th')).toContain('two-tower');
    const winner = input.models.find(({ name }) => name === 'two-tower')!;
    expect(text('#models table .winner')).toContain(winner.test.metrics['recall@10']!.value.toFixed(4));
  });

  it('names every table and describes every chart in words', () => {
    for (const table of document.querySelectorAll('table')) {
      expect(table.querySelector('caption')!.textContent).not.toBe('');
      expect(table.querySelectorAll('thead th[scope=col]').length).toBeGreaterThan(0);
    }
    const charts = [...document.querySelectorAll('svg')];
    expect(charts.length).toBeGreaterThan(8);
    for (const svg of charts) {
      expect(svg.getAttribute('role')).toBe('img');
      expect(svg.getAttribute('aria-label')!.length).toBeGreaterThan(30);
    }
  });

  it('says what was released, what was not, and why', () => {
    expect(text('.verdict')).toContain('0123456789abcdef');
    const { release: _release, ...unpublished } = input;
    expect(text('.verdict', read(unpublished))).toContain('Nothing was published');
    const verdict = { passed: false, reasons: ['two-tower loses to <ease>', 'tables keep too little'] };
    const refused = read({ ...unpublished, verdict });
    expect([...refused.querySelectorAll('.verdict li')].map((item) => item.textContent)).toEqual(
      verdict.reasons,
    );
  });

  it('gives the reasons of the chosen model’s examples, and how true they are', () => {
    const cards = [...document.querySelectorAll('.example')];
    expect(cards).toHaveLength(6);
    for (const card of cards) {
      const lists = [...card.querySelectorAll('ol')].map((list) => [...list.querySelectorAll('li')]);
      const withReasons = lists.map((items) => items.map((item) => item.querySelector('.why') !== null));
      expect(withReasons).toEqual([
        [true, false, true, true, true],
        [false, false, false, false, false],
      ]);
      expect(card.querySelector('.why')!.textContent).toMatch(/^because of .* 63 %$/s);
    }
    expect(text('#examples .lead')).toContain('4.5 times as much as taking out 3 others (60 users)');
    const without = read({ ...input, explanations: { examples: new Map() } });
    expect(without.querySelector('.why')).toBeNull();
    expect(text('#examples .lead', without)).not.toContain('carried');
  });

  it('shows the ranker beside its baselines, and why it is not released', () => {
    expect(document.querySelector('#ranker')).toBeNull();
    const estimate = (value: number) => ({ value, lower: value - 0.01, upper: value + 0.01 });
    const metrics = { auc: estimate(0.8123), logLoss: estimate(0.4321), ece: estimate(0.0111) };
    const evaluation = {
      protocol: 'random rows <80>',
      examples: 1_234,
      models: [
        { name: 'ctr-ranker', metrics },
        { name: 'logistic regression', metrics: { ...metrics, auc: estimate(0.7001) } },
      ],
    };
    const released = read({ ...input, ranker: { evaluation, faults: [] } });
    const rows = [...released.querySelectorAll('#ranker tbody tr')].map((row) =>
      [...row.querySelectorAll('th, td')].map((cell) => cell.textContent),
    );
    const others = ['0.43210.4221–0.4421', '0.01110.0011–0.0211'];
    expect(rows).toEqual([
      ['ctr-ranker', '0.81230.8023–0.8223', ...others],
      ['logistic regression', '0.70010.6901–0.7101', ...others],
    ]);
    expect(text('#ranker .lead', released)).toContain('1,234 test rows (random rows <80>)');
    expect(released.querySelectorAll('#ranker li')).toHaveLength(0);
    const faults = ['it does not beat <logistic regression>'];
    const refused = read({ ...input, ranker: { evaluation, faults } });
    expect(text('#ranker li', refused)).toBe(faults[0]);
  });

  it('stays whole without curves, times, titles or other models', () => {
    const winner = { ...input.models.find(({ name }) => name === 'two-tower')!, curves: [] };
    const dataset = {
      ...input.dataset,
      times: new Float64Array(input.dataset.times.length),
      attributes: input.dataset.attributes.map(() => undefined),
    };
    const least = read({ ...input, dataset, models: [winner] });
    expect(least.querySelector('#training')).toBeNull();
    expect(text('.examples', least)).toContain('i1');
    expect(text('.masthead', least)).toContain('without times');
    expect(renderReport({ ...input, dataset, models: [winner] })).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('never shows a number that is none', () => {
    expect(page).not.toMatch(/NaN|undefined|Infinity|\[object/);
  });
});
