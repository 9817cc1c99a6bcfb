import { registerHooks } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';

const coreFolder = '/tfjs-core/dist/';

/**
 * Registers tfjs-core's gradients. Its Node bundle leaves them out, and the modules that hold them import each other without
 * file extensions, which Node refuses: a resolver supplies the extension while they load. Kernels, gradients and
 * the engine are kept in one process-wide registry, so it does not matter that these modules are a second copy of the code.
 */
export async function registerGradients(): Promise<void> {
  if (tf.getGradient('BatchMatMul')) return;
  const resolver = registerHooks({
    resolve: (specifier, context, next) =>
      next(
        specifier.startsWith('.') && !specifier.endsWith('.js') && context.parentURL?.includes(coreFolder)
          ? `${specifier}.js`
          : specifier,
        context,
      ),
  });
  try {
    await import('@tensorflow/tfjs-core/dist/register_all_gradients.js');
  } finally {
    resolver.deregister();
  }
}
