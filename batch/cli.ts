import path from 'node:path';
import { parseArgs, styleText } from 'node:util';
import { ConfigError, PerigeeError, ReleaseError } from '../shared/errors.ts';
import { backendOf, openBackend } from './backend/index.ts';
import { benchmarkCommand, benchmarkFlags } from './benchmark/command.ts';
import { openCache } from './cache.ts';
import type { Config } from './config.ts';
import { init, initFlags } from './init.ts';
import { loadConfig } from './load-config.ts';
import { type Outcome, runPipeline } from './pipeline.ts';
import { type Reporter, terminalReporter } from './progress.ts';
import { readChannel, servingRelease } from './release/channel.ts';
import { releaseCommand } from './release/commands.ts';
import { verifyRelease } from './release/verify.ts';
import { assertFree, serve } from './serve.ts';
import { openStore, type Store } from './store/index.ts';
import { tuneCommand, tuneFlags } from './tune/command.ts';

/** The command line: the only place that reads arguments, the environment and decides exit codes. */
const usage = `perigee: train recommenders from events, publish releases, answer at the edge

  perigee start    run the pipeline, then serve the release on this machine
  perigee run      run the pipeline; exit 3 when the gate refuses the release
  perigee serve    serve the channel's release on this machine
  perigee release  list | show [id] | verify [id] | rollback [id] | prune
  perigee tune     search a model's options on the validation split
  perigee benchmark [protocol]   measure under a published protocol; alone, list them
  perigee init     write a perigee.config.ts for your own events

  --config <file>   the run to make                      ($PERIGEE_CONFIG, else perigee.config.ts)
  --data <folder>   where relative source paths start    (the config's folder)
  --port <number>   where to serve                       (8787)
  --backend <name>  train on gpu, native or wasm         (the first that can be had)
  --dry-run         run everything but change nothing in the store
  --keep <number>   releases that prune keeps            (5)
  --verbose         print the stack of an error
  tune takes:
  --model <name>    which, where the config names several
  --trials <number> choices of options to try              (27)
  --minutes <n>     stop then, with what has been found
  --processes <n>   fits at once                           (half the cores)
  --seed <number>   of the search                          (the config's)
  --write           set what was found in the config
  benchmark takes:
  --seeds <number>  of the models, from the config's on    (3)
  init takes: ${Object.keys(initFlags)
    .map((flag) => `--${flag}`)
    .join(' ')}

$PERIGEE_STORE takes the place of the config's store.
Exit status: 0 done, 1 failed, 2 wrong arguments or config, 3 refused by the gate, 130 interrupted.`;

const exit = { done: 0, failed: 1, usage: 2, refused: 3, interrupted: 130 } as const;

const flags = {
  config: { type: 'string', default: process.env['PERIGEE_CONFIG'] || 'perigee.config.ts' },
  data: { type: 'string' },
  port: { type: 'string', default: '8787' },
  backend: { type: 'string' },
  'dry-run': { type: 'boolean', default: false },
  keep: { type: 'string', default: '5' },
  verbose: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
  ...tuneFlags,
  ...benchmarkFlags,
  ...initFlags,
} as const;

type Flags = ReturnType<typeof parse>['values'];

function parse() {
  try {
    return parseArgs({ options: flags, allowPositionals: true });
  } catch (error) {
    throw new ConfigError(`${(error as Error).message}\n\n${usage}`);
  }
}

/** A config file and everything beside it that a command works on. */
interface Workspace {
  readonly config: Config;
  readonly directory: string;
  readonly dataDirectory: string;
  readonly store: Store;
  /** Opens `s3://bucket`, for sources that lie there. */
  readonly openBucket: (address: string) => Store;
}

async function openWorkspace(values: Flags): Promise<Workspace> {
  const file = path.resolve(values.config);
  const config = await loadConfig(file);
  const directory = path.dirname(file);
  const dataDirectory = values.data === undefined ? directory : path.resolve(values.data);
  const openBucket = (address: string): Store =>
    openStore(address, { baseDirectory: directory, environment: process.env });
  const store = openBucket(process.env['PERIGEE_STORE'] || config.store);
  return { config, directory, dataDirectory, store, openBucket };
}

function portOf(values: Flags): number {
  const port = Number(values.port);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new ConfigError(`--port: expected 1 to 65535, found '${values.port}'`);
}

async function run(
  workspace: Workspace,
  values: Flags,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<Outcome> {
  const backend = await openBackend(backendOf(values.backend));
  reporter.line(`  training on ${backend.name}: ${backend.reason}`);
  const working = path.join(workspace.directory, '.perigee');
  return runPipeline(workspace.config, {
    baseDirectory: workspace.dataDirectory,
    reportDirectory: path.join(working, 'reports'),
    cache: await openCache(path.join(working, 'cache')),
    backend: backend.name,
    store: workspace.store,
    openBucket: workspace.openBucket,
    dryRun: values['dry-run'],
    reporter,
    signal,
  });
}

/** @throws ReleaseError when the channel has no release, or one that the worker would refuse */
async function assertServable(store: Store, channel: string): Promise<void> {
  const version = await readChannel(store, channel);
  if (version === undefined) {
    throw new ReleaseError(
      `Channel '${channel}' of ${store.description} serves nothing yet: 'perigee run' publishes a release.`,
    );
  }
  const { releaseId, faults } = await verifyRelease(store, servingRelease(version.channel));
  if (faults.length > 0) {
    throw new ReleaseError(
      `Release ${releaseId} cannot serve: ${faults.join('; ')}. 'perigee run' repairs it, 'perigee release rollback' goes back.`,
    );
  }
}

async function serveUntilInterrupted(
  workspace: Workspace,
  values: Flags,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<number> {
  const { store, config } = workspace;
  const port = portOf(values);
  const served = await reporter.stage('serve', async (stage) => {
    await assertServable(store, config.channel);
    const result = await serve({ store, channel: config.channel, port, signal, environment: process.env });
    stage.note(`${store.description} on workerd`);
    return result;
  });
  await using _ = served;
  reporter.line(`\n  ${styleText('bold', served.url)}   open it in a browser; Ctrl-C ends\n`);
  const interrupted = new Promise<number>((resolve) => {
    if (signal.aborted) resolve(exit.done);
    signal.addEventListener('abort', () => resolve(exit.done), { once: true });
  });
  const status = await Promise.race([interrupted, served.ended.then(() => exit.failed)]);
  if (status === exit.failed) reporter.line('The worker ended unexpectedly.');
  return status;
}

async function command(
  name: string | undefined,
  rest: readonly string[],
  values: Flags,
  signal: AbortSignal,
): Promise<number> {
  const reporter = terminalReporter(process.stdout);
  const allowed = name === 'release' ? Number.POSITIVE_INFINITY : name === 'benchmark' ? 1 : 0;
  if (rest.length > allowed) {
    throw new ConfigError(
      `Unexpected argument '${rest[0]}'. A config file is named with --config.\n\n${usage}`,
    );
  }
  switch (name) {
    case 'start':
    case 'run': {
      if (name === 'start') await assertFree(portOf(values));
      const workspace = await openWorkspace(values);
      const outcome = await run(workspace, values, reporter, signal);
      if (!outcome.passed) return exit.refused;
      return name === 'run' || values['dry-run']
        ? exit.done
        : serveUntilInterrupted(workspace, values, reporter, signal);
    }
    case 'serve':
      return serveUntilInterrupted(await openWorkspace(values), values, reporter, signal);
    case 'release': {
      const { store, config } = await openWorkspace(values);
      const text = await releaseCommand(store, config.channel, rest, {
        keep: Number(values.keep),
        dryRun: values['dry-run'],
      });
      reporter.line(text);
      return exit.done;
    }
    case 'tune': {
      const { config, directory, dataDirectory, openBucket } = await openWorkspace(values);
      const wanted = backendOf(values.backend);
      await tuneCommand(values, {
        config,
        file: path.resolve(values.config),
        baseDirectory: dataDirectory,
        configDirectory: directory,
        cacheDirectory: path.join(directory, '.perigee', 'cache'),
        openBackend: async () => (await openBackend(wanted)).name,
        openBucket,
        environment: process.env,
        reporter,
        stream: process.stdout,
        signal,
      });
      return exit.done;
    }
    case 'benchmark': {
      const wanted = backendOf(values.backend);
      await benchmarkCommand(rest[0], values, {
        dataDirectory: path.resolve(values.data ?? '.'),
        workingDirectory: path.resolve('.perigee'),
        openBackend: async () => (await openBackend(wanted)).name,
        openBucket: (address) => openStore(address, { baseDirectory: '.', environment: process.env }),
        reporter,
        signal,
      });
      return exit.done;
    }
    case 'init':
      await init(values);
      return exit.done;
    default:
      if (name !== undefined && name !== 'help')
        throw new ConfigError(`Unknown command '${name}'.\n\n${usage}`);
      reporter.line(usage);
      return exit.done;
  }
}

/** One clear sentence for whoever reads it; the stack only where it is asked for, or where the fault is ours. */
function explain(error: unknown, verbose: boolean): string {
  if (!(error instanceof Error)) return String(error);
  if (verbose) return error.stack ?? error.message;
  if (error instanceof PerigeeError) return error.message;
  const { code, path: file } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC')
    return `No space left on the disk${file === undefined ? '' : ` for ${file}`}: free some and run again.`;
  return code === undefined ? (error.stack ?? error.message) : error.message;
}

async function main(): Promise<number> {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(exit.interrupted);
      controller.abort(new DOMException('interrupted', 'AbortError'));
    });
  }
  let verbose = false;
  try {
    const { values, positionals } = parse();
    verbose = values.verbose;
    const [name, ...rest] = positionals;
    return await command(values.help ? 'help' : name, rest, values, controller.signal);
  } catch (error) {
    if (controller.signal.aborted) {
      process.stderr.write('\nInterrupted. Finished stages are kept; the next run goes on from here.\n');
      return exit.interrupted;
    }
    process.stderr.write(
      `\n${styleText('red', 'perigee', { stream: process.stderr })}: ${explain(error, verbose)}\n`,
    );
    return error instanceof ConfigError ? exit.usage : exit.failed;
  }
}

process.exitCode = await main();
