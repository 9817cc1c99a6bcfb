import { existsSync } from 'node:fs';
import path from 'node:path';
import { type BackendName, backendOf, openBackend } from '../../batch/backend/index.ts';
import { fetchPackage } from '../../batch/backend/native/npm-package.ts';
import { explanationOf, explanations } from './explained.ts';
import { bootJasmine, loadCoreAsItIs, type SpecResult } from './load.ts';

/**
 * `npm run test:tfjs-core [-- gpu|native|wasm]`: tfjs-core's own tests, which its npm package holds, on our backend with our kernels.
 * jasmine comes through npm into `.cache`. Fails when a test fails that explained.ts does not explain; on wasm, where tfjs leaves
 * many kernels out, it only counts.
 */
const folder = path.resolve(import.meta.dirname, '../../.cache/tfjs-core');
const jasmine = {
  name: 'jasmine-core',
  version: '4.6.1',
  integrity:
    'sha512-VYz/BjjmC3klLJlLwA4Kw8ytk0zDSmbbDLNs794VnWmkcCB7I9aAL/D48VNQtmITyPvea2C3jdUMfc3kAoy0PQ==',
};

async function runTests(backend: BackendName): Promise<SpecResult[]> {
  const target = path.join(folder, 'node_modules', jasmine.name);
  if (!existsSync(path.join(target, 'package.json'))) {
    const { signal } = new AbortController();
    const downloads = path.join(folder, 'downloads');
    await fetchPackage(jasmine, target, { downloads, environment: process.env, signal });
  }
  loadCoreAsItIs(folder);
  const { tf } = await openBackend(backend);
  const environment = bootJasmine(folder);
  const importCore = (file: string) => import(`@tensorflow/tfjs-core/dist/${file}.js`);
  await importCore('public/chained_ops/register_all_chained_ops');
  const { setTestEnvs } = await importCore('jasmine_util');
  setTestEnvs([{ name: 'test', backendName: tf.getBackend(), flags: {}, isDataSync: true }]);
  await importCore('tests');
  const results: SpecResult[] = [];
  environment.configure({ random: false });
  environment.addReporter({ specDone: (result) => void results.push(result) });
  await environment.execute();
  return results;
}

const backend = backendOf(process.argv[2]) ?? 'native';
const results = await runTests(backend);
const failed = results
  .filter(({ status }) => status === 'failed')
  .map(({ fullName, failedExpectations }) => {
    const message = failedExpectations.map((failure) => failure.message).join('; ');
    return { fullName, message, explanation: explanationOf(fullName, message) };
  });
const passed = results.filter(({ status }) => status === 'passed').length;
const unexplained = failed.filter(({ explanation }) => explanation === undefined);
if (backend !== 'wasm') {
  for (const each of explanations) {
    const count = failed.filter(({ explanation }) => explanation === each).length;
    console.log(`${String(count).padStart(5)}  ${each.why}`);
  }
  for (const { fullName, message } of unexplained)
    console.log(`FAILED ${fullName}: ${message.slice(0, 300)}`);
}
const skipped = results.length - passed - failed.length;
console.log(
  `tfjs-core on ${backend}: passed ${passed}, failed ${failed.length}, skipped ${skipped}; not explained ${unexplained.length}`,
);
process.exitCode = passed === 0 || (backend !== 'wasm' && unexplained.length > 0) ? 1 : 0;
