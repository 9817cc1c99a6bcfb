import { BackendError } from '../../../shared/errors.ts';
import { terminalReporter } from '../../progress.ts';
import { registerGradients } from '../gradients.ts';
import { registerOpGradients } from '../ops.ts';
import { askTensorFlow } from './gpu.ts';
import { folderOf } from './installation.ts';
import { openTensorFlow } from './load.ts';
import { setUpNative } from './setup.ts';
import { trainingStep } from './training-step.ts';
import { type VariantName, variants } from './versions.ts';

/** `npm run setup:native` and `setup:gpu`. The environment is read here and handed on. */
async function main(variant: VariantName): Promise<number> {
  const folder = folderOf(variant);
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.on(name, () => controller.abort(new DOMException('interrupted', 'AbortError')));
  const reporter = terminalReporter(process.stdout);
  try {
    const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
    const installation = await setUpNative({
      variant: variants[variant],
      folder,
      machine: { platform: process.platform, arch: process.arch, glibc: header.glibcVersionRuntime },
      environment: process.env,
      reporter,
      signal: controller.signal,
    });
    const gpu = await reporter.stage('training step', async (stage) => {
      await registerGradients();
      registerOpGradients();
      const opened = await openTensorFlow(variant);
      const { before, after } = trainingStep();
      const device = opened.gpu ? 'GPU' : 'CPU';
      stage.note(
        `TensorFlow ${installation.tensorflow} on the ${device}, loss ${before.toFixed(3)} → ${after.toFixed(3)}`,
      );
      return opened.gpu;
    });
    reporter.line(`Set up in ${folder}.`);
    reporter.line(
      variant === 'native' || gpu
        ? 'From now on it trains, unless --backend names another.'
        : await withoutGpu(folder),
    );
    return 0;
  } catch (error) {
    if (controller.signal.aborted) {
      process.stderr.write('\nInterrupted. What was downloaded is kept; run it again to go on.\n');
      return 130;
    }
    const disk = (error as NodeJS.ErrnoException).code === 'ENOSPC';
    const message = disk
      ? `No space left on the disk: free ${variants[variant].bytes / 1e9} GB and run again.`
      : error instanceof BackendError
        ? error.message
        : ((error as Error).stack ?? String(error));
    process.stderr.write(`\nsetup:${variant}: ${message}\n`);
    return 1;
  }
}

async function withoutGpu(folder: string): Promise<string> {
  const gpu = await askTensorFlow(folder);
  const why = 'missing' in gpu ? gpu.missing : `${gpu.name} could not be opened`;
  return `It has no GPU here, so it will not be chosen: ${why}`;
}

process.exitCode = await main(process.argv[2] === 'gpu' ? 'gpu' : 'native');
