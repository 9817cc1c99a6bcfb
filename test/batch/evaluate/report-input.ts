import * as v from 'valibot';
import { Config } from '../../../batch/config.ts';
import { evaluate } from '../../../batch/evaluate/evaluate.ts';
import type { ReportedModel, ReportInput } from '../../../batch/evaluate/report.ts';
import type { Model } from '../../../batch/recommender.ts';
import { seededRandom } from '../../../batch/training/random.ts';
import { datasetOf, setOf } from './data.ts';

/** What a shop's catalogue may hold, by malice or by accident. */
export const hostile = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '</style></title></svg><script>alert(2)</script>',
  '&lt;script&gt; &amp; {{constructor}}',
  'nul \0 bell \x07 and \ufffe',
  '\u202eright to left override',
  'قميص قطني أبيض',
  'عنوان <b>طويل</b>',
  'unbroken'.repeat(40),
  '🧦'.repeat(30),
  '',
] as const;

const items = 61;
const users = 90;

function shop() {
  const random = seededRandom(5);
  const draw = (below: number): number => 1 + Math.floor(random() ** 2 * below);
  const histories = Array.from({ length: users }, () =>
    Array.from({ length: 3 + Math.floor(random() * 20) }, () => draw(items - 1)),
  );
  const train = datasetOf(histories, items, (item) => ({
    title: hostile[item % hostile.length]!,
    categories: [hostile[item % 8]!],
    price: item / 4,
  }));
  for (const at of train.times.keys()) train.times[at] = 1_300_000_000 + at * 40_000;
  const set = setOf(
    histories.map((history) => ({
      history,
      targets: [draw(items - 1), items - draw(20)].filter((item, at, all) => all.indexOf(item) === at),
    })),
    false,
  );
  return { train, set: { ...set, protocol: `last basket ${hostile[0]}` } };
}

const scored =
  (of: (item: number, query: number) => number): Model['score'] =>
  async (queries) =>
    queries.map(({ history }) =>
      Float32Array.from({ length: items }, (_, item) => of(item, history.items[0]!)),
    );

/** A run's results, computed by the real evaluation, around a catalogue of hostile titles. */
export async function reportInput(): Promise<ReportInput> {
  const { train, set } = shop();
  const config = v.parse(Config, {
    name: `Shop ${hostile[1]}`,
    data: { events: { path: 'events.csv', columns: { userId: 'user', itemId: hostile[0] } } },
    evaluation: { at: [5, 10], primary: 'ndcg@5', bootstrapSamples: 100, sliceBy: 'categories' },
  });
  const context = { train, seed: 1, signal: new AbortController().signal };
  const model = async (name: string, score: Model['score'], baseline: boolean): Promise<ReportedModel> => {
    const test = await evaluate(score, set, config.evaluation, context);
    const curves = ['loss', 'validation ndcg@5'].flatMap((series) =>
      [1, 2, 3, 4].map((step) => ({ series, step, value: 1 / step })),
    );
    return {
      name,
      baseline,
      options: { note: hostile[3] },
      validation: test,
      test,
      curves: baseline ? [] : curves,
    };
  };
  const winner = await model(
    'two-tower',
    scored((item, query) => ((item * 7 + query * 3) % 11) - item / 20),
    false,
  );
  const { examples } = winner.test;
  const interval = (value: number) => ({ value, lower: value / 2, upper: value * 2 });
  return {
    config,
    dataset: train,
    fingerprint: 'ab'.repeat(32),
    quality: {
      summary: 'as below',
      rows: { read: 1_200, kept: 1_000 },
      sources: [
        { name: hostile[0], rows: 1_200, columns: [{ name: hostile[1], type: 'VARCHAR', missing: 3 }] },
      ],
      checks: [
        {
          name: 'missing values',
          severity: 'warning',
          message: hostile[3],
          value: 0.1,
          threshold: 0.5,
          samples: [{ [hostile[1]]: hostile[0], wide: hostile[9], empty: null, list: [1, hostile[2]] }],
        },
        { name: 'future times', severity: 'ok', message: 'none', value: 0 },
        { name: 'user share', severity: 'error', message: 'one user has it all', value: 1, threshold: 0.2 },
      ],
    },
    models: [
      await model(
        'popularity',
        scored((item) => -item),
        true,
      ),
      await model(
        'item-knn',
        scored((item, query) => -Math.abs(item - query)),
        true,
      ),
      winner,
    ],
    winner: 'two-tower',
    explanations: {
      examples: new Map(
        examples.map(({ query, history, ranked }) => [
          query,
          ranked.map((_, place) => (place === 1 ? [] : [{ item: history[0]!, share: 0.625 }])),
        ]),
      ),
      faithfulness: {
        removed: 3,
        queries: 60,
        named: interval(0.9),
        random: interval(0.2),
        factor: interval(4.5),
        namedLeaves: 0.5,
        randomLeaves: 0.1,
      },
    },
    verdict: { passed: true, reasons: [] },
    release: { releaseId: '0123456789abcdef', channel: 'production' },
    quantisationRecall: 0.991,
    codeVersion: '1.2.3',
    finishedAt: '2026-01-02T03:04:05Z',
  };
}
