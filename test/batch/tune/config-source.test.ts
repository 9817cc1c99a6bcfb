import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../batch/load-config.ts';
import { UneditableError, withOptions } from '../../../batch/tune/config-source.ts';
import { asWritten } from '../../../batch/tune/option-text.ts';
import { writeOptions } from '../../../batch/tune/write-config.ts';
import { ConfigError } from '../../../shared/errors.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const around = (text: string): string =>
  `import { defineConfig } from './c.ts';\n\n// mine\nexport default ${text};\n`;

describe('options in the source of a config', () => {
  it.each([
    [
      'an empty object',
      `defineConfig({ models: { 'two-tower': {} } })`,
      `defineConfig({ models: { 'two-tower': { heads: 4, halfLifeDays: null } } })`,
    ],
    [
      'present options, of which others stay',
      `{ models: { 'two-tower': { heads: 2, dimensions: 6_4 } } }`,
      `{ models: { 'two-tower': { heads: 4, dimensions: 6_4, halfLifeDays: null } } }`,
    ],
    [
      'a model that is not named yet',
      `{ models: { ease: {} } }`,
      `{ models: { ease: {}, 'two-tower': { heads: 4, halfLifeDays: null } } }`,
    ],
    [
      'no models',
      `{ name: 'x' }`,
      `{ name: 'x', models: { 'two-tower': { heads: 4, halfLifeDays: null } } }`,
    ],
    [
      'double quotes',
      `{ "models": { "ease": {} } }`,
      `{ "models": { "ease": {}, "two-tower": { heads: 4, halfLifeDays: null } } }`,
    ],
    [
      'a value that is already there',
      `{ models: { 'two-tower': { heads: 4, halfLifeDays: null } } }`,
      `{ models: { 'two-tower': { heads: 4, halfLifeDays: null } } }`,
    ],
    [
      'a computed value',
      `{ models: { 'two-tower': { heads: 1 + 1, halfLifeDays: f(9) } } }`,
      `{ models: { 'two-tower': { heads: 4, halfLifeDays: null } } }`,
    ],
    [
      'types',
      `{ models: { 'two-tower': {} } } satisfies ConfigInput`,
      `{ models: { 'two-tower': { heads: 4, halfLifeDays: null } } } satisfies ConfigInput`,
    ],
    [
      'lines and comments',
      `{
  models: {
    // of the evening
    'two-tower': {
      heads: 2, // two
      epochs: 3 // at most
    },
  },
}`,
      `{
  models: {
    // of the evening
    'two-tower': {
      heads: 4, // two
      epochs: 3, // at most
      halfLifeDays: null,
    },
  },
}`,
    ],
    [
      'tabs',
      `{\n\tmodels: {\n\t\tease: {},\n\t},\n}`,
      `{\n\tmodels: {\n\t\tease: {},\n\t\t'two-tower': { heads: 4, halfLifeDays: null },\n\t},\n}`,
    ],
  ])('go into %s', (_, before, after) => {
    expect(withOptions(around(before), 'two-tower', { heads: 4, halfLifeDays: null })).toBe(around(after));
  });

  it('are found through constants', () => {
    const source =
      'const models = { ease: {} };\nconst config = { models } as const;\nexport default config;\n';
    expect(withOptions(source, 'ease', { regularisation: 30 })).toBe(
      'const models = { ease: { regularisation: 30 } };\nconst config = { models } as const;\nexport default config;\n',
    );
  });

  it('break a line that becomes too long, from the outside', () => {
    const options = {
      dimensions: 128,
      learningRate: 0.00251,
      weightDecay: 0.1,
      examplesPerUser: 12,
      batchSize: 128,
      maxHistory: 200,
    };
    expect(
      withOptions(
        around(`defineConfig({\n  models: { ease: {}, 'two-tower': { heads: 4 } },\n})`),
        'two-tower',
        options,
      ),
    ).toBe(
      around(`defineConfig({
  models: {
    ease: {},
    'two-tower': {
      heads: 4,
      dimensions: 128,
      learningRate: 0.00251,
      weightDecay: 0.1,
      examplesPerUser: 12,
      batchSize: 128,
      maxHistory: 200,
    },
  },
})`),
    );
  });

  it.each([
    [
      'a function',
      `() => ({})`,
      'expected the default export to be an object literal, found ArrowFunctionExpression in line 4',
    ],
    [
      'a spread that may replace them',
      `{ models: { 'two-tower': {}, ...others } }`,
      "expected plain properties in models, found SpreadElement in line 4, which may replace 'two-tower'",
    ],
    ['models of a function', `{ models: chosen(1, 2) }`, 'expected models to be an object literal'],
  ])('refuse %s', (_, config, message) => {
    expect(() => withOptions(around(config), 'two-tower', { heads: 4 })).toThrow(UneditableError);
    expect(() => withOptions(around(config), 'two-tower', { heads: 4 })).toThrow(message);
  });

  it('stand in text as in a config', () => {
    expect(asWritten('conv-sequence', { negatives: 'all', blocks: 2 })).toBe(
      "models: { 'conv-sequence': { negatives: 'all', blocks: 2 } }",
    );
  });
});

describe('writing into the configs that come with the repository', async () => {
  let folder: string;
  const examples = await readdir(path.join(root, 'examples'));
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'perigee-tune-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** A copy that can be loaded where it lies. */
  async function copyOf(file: string): Promise<string> {
    const copy = path.join(folder, path.basename(file));
    const source = await readFile(path.join(root, file), 'utf8');
    const from = path.dirname(path.join(root, file));
    const absolute = (target: string): string => `from ${JSON.stringify(path.resolve(from, target))}`;
    await writeFile(
      copy,
      source.replace(/from '(\.[^']*)'/g, (_, target: string) => absolute(target)),
    );
    return copy;
  }

  it.each([
    'perigee.config.ts',
    ...examples.filter((name) => name.endsWith('.ts')).map((name) => `examples/${name}`),
  ])('%s: only the options change, and only their lines', async (file) => {
    const copy = await copyOf(file);
    const [before, config] = [await readFile(copy, 'utf8'), await loadConfig(copy)];
    const given = (config.models['two-tower'] ?? {}) as Record<string, unknown>;
    const options = {
      learningRate: 0.00251,
      weightDecay: 0.1,
      batchSize: 64,
      halfLifeDays: null,
      maxHistory: 400,
      dimensions: 96,
      heads: 1,
    };
    await writeOptions(copy, config, { model: 'two-tower', given, options });
    const edited = path.join(folder, `edited-${path.basename(file)}`);
    await copyFile(copy, edited);
    expect(await loadConfig(edited)).toEqual({
      ...config,
      models: { ...config.models, 'two-tower': { ...given, ...options } },
    });
    const [lines, now] = [before.split('\n'), (await readFile(copy, 'utf8')).split('\n')];
    const kept = lines.filter((line) => now.includes(line));
    expect(lines.length - kept.length).toBeLessThanOrEqual(1);
    expect(now.filter((line) => line.length > 110 && !lines.includes(line))).toEqual([]);
    expect((await readdir(folder)).filter((name) => name.startsWith('.tuned'))).toEqual([]);
  });

  it('leaves a config that it cannot edit, and says what to paste', async () => {
    const copy = await copyOf('perigee.config.ts');
    const source = (await readFile(copy, 'utf8'))
      .replace("models: { 'two-tower': {} }", "models: Object.fromEntries([['two-tower', {}]])")
      .replace('export default defineConfig(', 'export default defineConfig(');
    const odd = path.join(folder, 'odd.config.ts');
    await writeFile(odd, source);
    const attempt = writeOptions(odd, await loadConfig(odd), {
      model: 'two-tower',
      given: {},
      options: { heads: 4 },
    });
    await expect(attempt).rejects.toThrow(ConfigError);
    await expect(attempt).rejects.toThrow(
      /left as it is: expected models to be an object literal[\s\S]*models: \{ 'two-tower': \{ heads: 4 \} \}/,
    );
    expect(await readFile(odd, 'utf8')).toBe(source);
  });

  it.each([
    ['const same = { heads: 2 };', "{ 'two-tower': same, 'conv-sequence': same }"],
    ["const same = { 'two-tower': { heads: 2, epochs: 1 } };", '{ ...same }'],
  ])('leaves a config whose editing would change something else: %s', async (constant, models) => {
    const copy = path.join(folder, `${models.length}.config.ts`);
    const source = `import { defineConfig } from ${JSON.stringify(path.join(root, 'batch/config.ts'))};
${constant}
export default defineConfig({
  name: 'x',
  data: { events: { path: 'e.csv', columns: { userId: 'u', itemId: 'i' } } },
  models: ${models},
});
`;
    await writeFile(copy, source);
    const config = await loadConfig(copy);
    const given = config.models['two-tower'] as Record<string, unknown>;
    await expect(
      writeOptions(copy, config, { model: 'two-tower', given, options: { heads: 4 } }),
    ).rejects.toThrow('would not change only these');
    expect(await readFile(copy, 'utf8')).toBe(source);
  });
});
