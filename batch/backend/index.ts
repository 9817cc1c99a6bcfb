import * as tf from '@tensorflow/tfjs-core';
import { ConfigError } from '../../shared/errors.ts';
import { registerGradients } from './gradients.ts';
import { readInstallation, setUpCommand } from './native/installation.ts';
import { openNative } from './native/load.ts';
import { registerOpGradients } from './ops.ts';
import { openWasm } from './wasm.ts';

/** The devices that training runs on, the preferred first. */
export const backendNames = ['native', 'wasm'] as const;
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
    throw new ConfigError(`--backend: expected ${backendNames.join(' or ')}, found '${value}'`);
  return name;
}

const open: Readonly<Record<BackendName, () => Promise<BackendName>>> = {
  native: () => openNative(),
  wasm: openWasm,
};

/** tfjs's own names for them. */
const registered: Readonly<Record<string, BackendName>> = { tensorflow: 'native', wasm: 'wasm' };

/**
 * Makes TensorFlow.js ready: on the device that is named, else on the one that is open, else on native TensorFlow where it is
 * set up, else on wasm.
 * @throws BackendError when the named one cannot be had
 */
export async function openBackend(wanted?: BackendName): Promise<Backend> {
  await registerGradients();
  registerOpGradients();
  const { name, reason } = choose(wanted);
  return { name: await open[name](), reason, tf };
}

function choose(wanted: BackendName | undefined): Pick<Backend, 'name' | 'reason'> {
  if (wanted) return { name: wanted, reason: 'as asked' };
  const current = registered[tf.getBackend()];
  if (current) return { name: current, reason: 'already open' };
  const installation = readInstallation();
  return installation
    ? { name: 'native', reason: `TensorFlow ${installation.tensorflow} is set up` }
    : { name: 'wasm', reason: `native TensorFlow is not set up: ${setUpCommand}` };
}
