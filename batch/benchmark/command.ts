import { arch, cpus, platform, totalmem } from 'node:os';
import path from 'node:path';
import { styleText } from 'node:util';
import { ConfigError } from '../../shared/errors.ts';
import type { BackendName } from '../backend/index.ts';
import { openCache } from '../cache.ts';
import type { Config } from '../config.ts';
import { prepareData } from '../data/prepare.ts';
import { loadConfig, parseConfig } from '../load-config.ts';
import type { Reporter } from '../progress.ts';
import { codeVersion } from '../publish.ts';
import type { Store } from '../store/index.ts';
import { writeWhole } from '../write-whole.ts';
import { measure } from './measure.ts';
import { measureRanker } from './measure-ranker.ts';
import { renderBenchmark } from './page.ts';
import { goalSentence, goalText, judge, type Protocol } from './protocol.ts';
import { protocols } from './protocols.ts';
import type { BenchmarkResult } from './result.ts';
import { maximumSeeds } from './statistics.ts';

/** Flags of `perigee benchmark`, for `util.parseArgs`. */
export const benchmarkFlags = { seeds: { type: 'string', default: '3' } } as const;

export interface BenchmarkSurroundings {
  /** Where the published files lie. */
  readonly dataDirectory: string;
  /** Where kept stages and results go. */
  readonly workingDirectory: string;
  openBackend(): Promise<BackendName>;
  readonly openBucket: (address: string) => Store;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

const root = path.resolve(import.meta.dirname, '../..');

/**
 * `perigee benchmark`: lists the protocols, or measures one of them.
 * @param seeds how many, from the config's on
 * @throws ConfigError for a protocol that there is not
 */
export async function benchmarkCommand(
  name: string | undefined,
  { seeds }: { readonly seeds: string },
  surroundings: BenchmarkSurroundings,
): Promise<void> {
  const { reporter } = surroundings;
  if (name === undefined) {
    for (const line of await listed()) reporter.line(line);
    return;
  }
  const protocol = protocols.find((entry) => entry.name === name);
  if (protocol === undefined)
    throw new ConfigError(
      `benchmark: expected one of ${protocols.map((entry) => entry.name).join(', ')}; found '${name}'`,
    );
  const count = Number(seeds);
  if (!Number.isInteger(count) || count < 1 || count > maximumSeeds)
    throw new ConfigError(`--seeds: expected a number from 1 to ${maximumSeeds}, found '${seeds}'`);
  const result = await runBenchmark(protocol, count, surroundings);
  for (const line of tableOf(result)) reporter.line(line);
  const files = await writeResult(result, path.join(surroundings.workingDirectory, 'benchmarks'));
  reporter.line(`\n  ${files.map((file) => path.relative(process.cwd(), file)).join('\n  ')}\n`);
}

/** A protocol's config, with its changes. */
export async function configOf({ config, changes }: Protocol): Promise<Config> {
  const file = path.resolve(root, config);
  return parseConfig({ ...(await loadConfig(file)), ...changes }, file);
}

/** The protocols, what each needs and what it is to come to. */
async function listed(): Promise<string[]> {
  const lines = ['\n  perigee benchmark <protocol> --data <folder of the files below>\n'];
  for (const protocol of protocols) {
    const { data, split } = await configOf(protocol);
    const sources = [data.events, data.items ?? [], split.kind === 'files' ? split.test : []].flat();
    const files = [...new Set(sources.map((source) => source.path))];
    lines.push(
      `  ${styleText('bold', protocol.name)}`,
      `    files  ${protocol.embedded ? 'come with the repository' : files.join(', ')}`,
      `    goal   ${protocol.goals.map(goalText).join('; ')}`,
    );
  }
  return [...lines, ''];
}

/** Measures a protocol; what an earlier run has kept is not measured again. */
export async function runBenchmark(
  protocol: Protocol,
  seedCount: number,
  surroundings: BenchmarkSurroundings,
): Promise<BenchmarkResult> {
  const { reporter, signal, openBucket, workingDirectory } = surroundings;
  const config = await configOf(protocol);
  const backend = await surroundings.openBackend();
  const cache = await openCache(path.join(workingDirectory, 'cache'));
  const context = { cache, backend, reporter, signal };
  const baseDirectory = protocol.embedded ? root : surroundings.dataDirectory;
  const data = await prepareData(config, undefined, { ...context, baseDirectory, openBucket });
  const seeds = Array.from({ length: seedCount }, (_, at) => config.seed + at);
  const against = protocol.goals[0]?.model;
  const measureAll = protocol.measures === 'ranker' ? measureRanker : measure;
  const measurement = await measureAll(config, data, { seeds, against, rivals: protocol.rivals }, context);
  const meanOf = (model: string, metric: string): number | undefined =>
    measurement.models.find(({ name }) => name === model)?.figures[metric]?.overSeeds.value;
  return {
    ...{ format: 1, name: protocol.name, title: config.name },
    ...measurement,
    goals: protocol.goals.map((goal) => judge(goal, meanOf)),
    published: protocol.published ?? [],
    ...{ seeds, splitSeed: data.seed, data: data.quality.summary, fingerprint: data.fingerprint },
    ...{ backend, machine: machine(), codeVersion, finishedAt: new Date().toISOString() },
  };
}

const machine = (): string =>
  `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${platform()} ${arch()}, Node ${process.version}`;

/** Writes `<protocol>.json` and `<protocol>.html`; returns their paths. */
async function writeResult(result: BenchmarkResult, folder: string): Promise<string[]> {
  const [json, html] = ['json', 'html'].map((type) => path.join(folder, `${result.name}.${type}`));
  await writeWhole(json!, `${JSON.stringify(result, undefined, 2)}\n`);
  await writeWhole(html!, renderBenchmark(result));
  return [json!, html!];
}

function tableOf({ primary, protocol, queries, models, goals, published, seeds }: BenchmarkResult): string[] {
  const rows = models
    .flatMap(({ name, figures }) => {
      const found = figures[primary];
      if (found === undefined) return [];
      const { overSeeds, overQueries } = found;
      const range = (of: { lower: number; upper: number }): string =>
        `${of.lower.toFixed(4)}–${of.upper.toFixed(4)}`;
      const between = found.seeds.length > 1 ? range(overSeeds) : 'one fit';
      return [{ name, value: overSeeds.value, text: `${between.padEnd(17)}${range(overQueries)}` }];
    })
    .concat(
      published
        .filter(({ metric }) => metric === primary)
        .map(({ model, value, paper }) => ({ name: model, value, text: `published: ${paper}` })),
    )
    .sort((a, b) => b.value - a.value);
  const width = 2 + Math.max(...rows.map(({ name }) => name.length));
  return [
    `\n  ${protocol}; ${queries.toLocaleString('en-GB')} queries\n`,
    `  ${''.padEnd(width)}${primary.padStart(8)}   ${'95 % over seeds'.padEnd(17)}95 % over users, seed ${seeds[0]}`,
    ...rows.map(
      ({ name, value, text }) => `  ${name.padEnd(width)}${value.toFixed(4).padStart(8)}   ${text}`,
    ),
    '',
    ...goals.map((goal) => `  ${styleText(goal.reached ? 'green' : 'red', goalSentence(goal))}`),
  ];
}
