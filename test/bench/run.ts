import { readdirSync } from 'node:fs';
import { arch, cpus, platform, release, totalmem } from 'node:os';

/**
 * `npm run bench`: every benchmark of this folder, or those named (`npm run bench -- edge start`), after a description
 * of the machine. Absolute times vary between machines and with their load; compare within one run.
 */
const all = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && file !== 'run.ts')
  .map((file) => file.slice(0, -3));
const named = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const unknown = named.filter((name) => !all.includes(name));
if (unknown.length > 0)
  throw new RangeError(`bench: expected ${all.join(', ')}; found ${unknown.join(', ')}`);

const [cpu] = cpus();
console.log(
  `${cpu?.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB; ` +
    `${platform()} ${release()} ${arch()}; Node ${process.version}; ${new Date().toISOString()}`,
);
for (const name of named.length > 0 ? named : all) {
  console.log(`\n# ${name}`);
  const { bench } = (await import(`./${name}.ts`)) as { bench: () => Promise<void> };
  await bench();
}
