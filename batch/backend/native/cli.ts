import { BackendError } from '../../../shared/errors.ts';
import { terminalReporter } from '../../progress.ts';
import { openBackend } from '../index.ts';
import { installationFolder } from './installation.ts';
import { setUpNative } from './setup.ts';
import { trainingStep } from './training-step.ts';

/** `npm run setup:native`. The environment is read here and handed on. */
async function main(): Promise<number> {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.on(name, () => controller.abort(new DOMException('interrupted', 'AbortError')));
  const reporter = terminalReporter(process.stdout);
  try {
    const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
    const installation = await setUpNative({
      folder: installationFolder,
      machine: { platform: process.platform, arch: process.arch, glibc: header.glibcVersionRuntime },
      environment: process.env,
      reporter,
      signal: controller.signal,
    });
    await reporter.stage('training step', async (stage) => {
      await openBackend('native');
      const { before, after } = trainingStep();
      stage.note(
        `TensorFlow ${installation.tensorflow} on the CPU, loss ${before.toFixed(3)} → ${after.toFixed(3)}`,
      );
    });
    reporter.line(`Set up in ${installationFolder}; from now on it trains, unless --backend wasm is given.`);
    return 0;
  } catch (error) {
    if (controller.signal.aborted) {
      process.stderr.write('\nInterrupted. What was downloaded is kept; run it again to go on.\n');
      return 130;
    }
    const disk = (error as NodeJS.ErrnoException).code === 'ENOSPC';
    const message = disk
      ? `No space left on the disk for ${installationFolder}: free 1.3 GB and run again.`
      : error instanceof BackendError
        ? error.message
        : ((error as Error).stack ?? String(error));
    process.stderr.write(`\nsetup:native: ${message}\n`);
    return 1;
  }
}

process.exitCode = await main();
