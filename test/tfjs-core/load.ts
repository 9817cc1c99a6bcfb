import { statSync } from 'node:fs';
import { createRequire, registerHooks } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const core = '/@tensorflow/tfjs-core/dist/';

/**
 * Lets tfjs-core's modules, tests included, be imported by Node: they are ES modules which name each other without extension, and
 * two of them call `require`.
 * @param folder where `require` finds jasmine
 */
export function loadCoreAsItIs(folder: string): void {
  registerHooks({
    resolve(specifier, context, next) {
      const { parentURL } = context;
      if (!parentURL?.includes(core) || !specifier.startsWith('.') || specifier.endsWith('.js'))
        return next(specifier, context);
      const file = path.resolve(path.dirname(fileURLToPath(parentURL)), specifier);
      const whole = statSync(`${file}.js`, { throwIfNoEntry: false }) ? `${file}.js` : `${file}/index.js`;
      return next(pathToFileURL(whole).href, context);
    },
    load(url, context, next) {
      const loaded = next(url, context);
      if (!url.includes(core) || !url.endsWith('.js') || url.includes('/tf-core.')) return loaded;
      const source = String(loaded.source)
        // A bundler's view of a CommonJS module, which Node does not share.
        .replace('import * as seedrandom from', 'import seedrandom from');
      const require = `import { createRequire } from 'node:module'; const require = createRequire(${JSON.stringify(`${folder}/`)});`;
      return { ...loaded, format: 'module', source: source.includes('require(') ? require + source : source };
    },
  });
}

/** Makes jasmine's functions globals, which is how the tests take them. */
export function bootJasmine(folder: string): Environment {
  const require = createRequire(`${folder}/`);
  const globals = (require('jasmine-core') as { noGlobals(): { jasmine: Jasmine } }).noGlobals();
  Object.assign(globalThis, globals);
  return globals.jasmine.getEnv();
}

interface Jasmine {
  getEnv(): Environment;
}

interface Environment {
  configure(options: { readonly random: boolean }): void;
  addReporter(reporter: { specDone(result: SpecResult): void }): void;
  execute(): Promise<unknown>;
}

export interface SpecResult {
  readonly fullName: string;
  readonly status: string;
  readonly failedExpectations: readonly { readonly message: string }[];
}
