import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe } from 'vitest';
import type { Recommender } from '../../batch/recommender.ts';
import { type RecommenderCase, testRecommender } from './recommender.ts';

/** The models of docs/models/your-own.md, as they stand on the page. */
const root = path.resolve(import.meta.dirname, '../..');
const page = readFileSync(path.join(root, 'docs/models/your-own.md'), 'utf8');
const folder = path.join(root, '.cache', `your-own-${process.pid}`);

/** The code block that the page gives for a file of batch/models, loaded from elsewhere. */
async function modelOf(file: string, name: string): Promise<Recommender> {
  const [, code] = page.split(`\`batch/models/${file}\`:\n\n\`\`\`ts\n`);
  if (code === undefined) throw new Error(`expected ${file} on the page, found none`);
  const own = code.split('\n```')[0]!.replace(/from '(\.[^']*)'/g, (_, target: string) => {
    return `from ${JSON.stringify(path.join(root, 'batch/models', target))}`;
  });
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, file), own);
  const module = (await import(pathToFileURL(path.join(folder, file)).href)) as Record<string, Recommender>;
  return module[name]!;
}

const cases: readonly (readonly [file: string, name: string, RecommenderCase])[] = [
  [
    'sequential-rules.ts',
    'sequentialRules',
    {
      exempt: {
        checkpoints: 'fitted in one go, nothing to resume',
        checkerboard: 'reads the order, and that of the board says nothing',
      },
    },
  ],
  ['pure-svd.ts', 'pureSvd', { exempt: { checkpoints: 'fitted in one go, nothing to resume' } }],
];

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the models of docs/models/your-own.md keep the contract', async () => {
  for (const [file, name, options] of cases) testRecommender(await modelOf(file, name), options);
});
