import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { build, run } from './build.ts';
import { parseDockerfile, stagesOf } from './parse.ts';

/**
 * `npm run test:dockerfile -- --target cpu|gpu [-- arguments of the container]`: carries out infra/Dockerfile without Docker, each stage in a
 * clean folder of `--folder`, then runs the container's command if arguments for it are given. What it cannot show: that the base image
 * is as this machine, and that nothing outside the folders is needed.
 */
const root = path.resolve(import.meta.dirname, '../..');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    target: { type: 'string', default: 'cpu' },
    folder: { type: 'string', default: path.join(tmpdir(), 'perigee-image') },
    keep: { type: 'boolean', default: false },
  },
});
/** What reaches a build from outside; the rest of this machine's environment does not. */
const passed =
  /^(AWS_|PERIGEE_(CONFIG|STORE)$|PIP_|npm_config_|NODE_EXTRA_CA_CERTS$|SSL_CERT|https?_proxy$|no_proxy$)/i;
const environment = Object.fromEntries(
  Object.entries(process.env).flatMap(([name, value]) => (passed.test(name) ? [[name, value ?? '']] : [])),
);
const stages = parseDockerfile(await readFile(path.join(root, 'infra/Dockerfile'), 'utf8'));
const container = await build(stagesOf(stages, values.target), {
  folder: values.folder,
  context: root,
  environment: { ...environment, PATH: `${path.dirname(process.execPath)}:${process.env['PATH']}` },
  log: (line) => console.log(line),
});
console.log(`${values.target}: every step was carried out, in ${container.root}`);
if (positionals.length > 0)
  process.exitCode = await run(container, [...container.entrypoint, ...positionals]);
if (!values.keep) await rm(values.folder, { recursive: true });
