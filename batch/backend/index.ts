import * as tf from '@tensorflow/tfjs-core';
import { BackendError, ConfigError } from '../../shared/errors.ts';
import { registerGradients } from './gradients.ts';
import { findGpu, hasDriver } from './native/gpu.ts';
import { folderOf, readInstallation } from './native/installation.ts';
import { openedVariant, openTensorFlow } from './native/load.ts';
import { variants } from './native/versions.ts';
import { registerOpGradients } from './ops.ts';
import { openWasm } from './wasm.ts';

/** The devices that training runs on, the preferred first. */
export const backendNames = ['gpu', 'native', 'wasm'] as const;
export type BackendName = (typeof backendNames)[number];

/** A TensorFlow device that is ready to train. `tf` is the one engine of the process. */
export interface Backend {
  readonly name: BackendName;
  /** Why it is this one, for whoever watches. */
  readonly reason: string;
  readonly tf: typeof tf;
}

/** @throws ConfigError for a name that is none of {@link backendNames} */
export function backendOf(value: string | undefined): BackendName | undefined {
  const name = backendNames.find((each) => each === value);
  if (value !== undefined && name === undefined)
    throw new ConfigError(`--backend: expected ${backendNames.join(', ')}, found '${value}'`);
  return name;
}

const open: Readonly<Record<BackendName, () => Promise<unknown>>> = {
  gpu: async () => {
    const { gpu } = await openTensorFlow('gpu');
    if (!gpu) throw new BackendError('TensorFlow found a GPU, then could not open it');
  },
  native: () => openTensorFlow('native'),
  wasm: openWasm,
};

type Choice = Pick<Backend, 'name' | 'reason'>;

/**
 * Makes TensorFlow.js ready: on the device that is named, else on the one that is open, else on the first that can be had of a GPU,
 * TensorFlow on the CPU, and wasm.
 * @throws BackendError when the named one cannot be had
 */
export async function openBackend(wanted?: BackendName): Promise<Backend> {
  await registerGradients();
  registerOpGradients();
  const choice = wanted === undefined ? (current() ?? (await choose())) : await asked(wanted);
  await open[choice.name]();
  return { ...choice, tf };
}

function current(): Choice | undefined {
  const open = tf.getBackend();
  const name = open === 'tensorflow' ? openedVariant() : open === 'wasm' ? open : undefined;
  return name && { name, reason: 'already open' };
}

async function asked(name: BackendName): Promise<Choice> {
  if (name !== 'gpu' || openedVariant() === 'gpu') return { name, reason: 'as asked' };
  const { command } = variants.gpu;
  if (readInstallation(folderOf('gpu')) === undefined)
    throw new BackendError(`The backend gpu is not set up: run \`${command}\`, or leave --backend out`);
  const gpu = await findGpu();
  if ('missing' in gpu)
    throw new BackendError(
      `The backend gpu needs an NVIDIA GPU, found none: ${gpu.missing}. Leave --backend out to train without.`,
    );
  return { name, reason: `as asked, on ${gpu.name}` };
}

async function choose(): Promise<Choice> {
  const onGpu = readInstallation(folderOf('gpu'));
  const gpu = onGpu && (await findGpu());
  if (onGpu && gpu && 'name' in gpu)
    return { name: 'gpu', reason: `TensorFlow ${onGpu.tensorflow} finds ${gpu.name}` };
  const without =
    (gpu && 'missing' in gpu && gpu.missing) ||
    (hasDriver() && `an NVIDIA GPU waits for \`${variants.gpu.command}\``);
  const because = (reason: string): string => (without ? `${reason}; ${without}` : reason);
  const onCpu = readInstallation(folderOf('native'));
  return onCpu
    ? { name: 'native', reason: because(`TensorFlow ${onCpu.tensorflow} is set up`) }
    : { name: 'wasm', reason: because(`native TensorFlow is not set up: ${variants.native.command}`) };
}
