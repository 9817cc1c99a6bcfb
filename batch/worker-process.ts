import { spawn } from 'node:child_process';
import path from 'node:path';

/** A running `wrangler dev`. */
export interface WorkerProcess {
  /** Settles when it has ended, by itself or by `stop`. */
  readonly ended: Promise<unknown>;
  /** What the process last printed, for a message about its failure. */
  output(): string;
  /** Ends it and everything that it started. */
  stop(): Promise<void>;
}

export interface WorkerOptions {
  readonly port: number;
  readonly channel: string;
  /** The environment that the process gets. */
  readonly environment: NodeJS.ProcessEnv;
}

const root = path.resolve(import.meta.dirname, '..');

/**
 * Starts `wrangler dev` in a process group of its own, so that stopping it stops workerd too, and so does the end of
 * this process, however sudden.
 */
export function startWorker(
  { port, channel, environment }: WorkerOptions,
  state: string,
  origin: string,
): WorkerProcess {
  const wrangler = path.join(root, 'node_modules/wrangler/bin/wrangler.js');
  const args = [
    'dev',
    '--ip',
    '127.0.0.1',
    '--port',
    String(port),
    '--inspector-port',
    '0',
    '--show-interactive-dev-session=false',
  ];
  args.push('--persist-to', state, '--var', `RELEASE_ORIGIN:${origin}`, '--var', `CHANNEL:${channel}`);
  const child = spawn(process.execPath, [wrangler, ...args], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...environment, CLOUDFLARE_CF_FETCH_ENABLED: 'false', WRANGLER_SEND_METRICS: 'false', CI: 'true' },
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-4_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', (error) => {
      output += error.message;
      resolve();
    });
  });
  const signalGroup = (signal: NodeJS.Signals): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  const kill = (): void => signalGroup('SIGKILL');
  process.once('exit', kill);
  return {
    ended,
    output: () => output.trim(),
    async stop() {
      signalGroup('SIGTERM');
      const timer = setTimeout(kill, 3_000);
      await ended;
      clearTimeout(timer);
      kill();
      process.off('exit', kill);
    },
  };
}
