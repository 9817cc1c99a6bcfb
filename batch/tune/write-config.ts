import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ConfigError } from '../../shared/errors.ts';
import type { Config } from '../config.ts';
import { loadConfig } from '../load-config.ts';
import { writeWhole } from '../write-whole.ts';
import { asWritten } from './option-text.ts';
import type { GivenOptions, Point } from './points.ts';

/**
 * Sets options of a model in a config file. The file is replaced only when the new one loads and says what the old one says, but for
 * these options.
 * @param given what the config gives the model so far
 * @throws ConfigError with what to paste, where the file is written in a way that cannot be edited
 */
export async function writeOptions(
  file: string,
  config: Config,
  { model, given, options }: { model: string; given: GivenOptions; options: Point },
): Promise<void> {
  const wanted: Config = { ...config, models: { ...config.models, [model]: { ...given, ...options } } };
  // Beside the file, since what it imports stands there.
  const trial = path.join(path.dirname(file), `.tuned-${randomUUID()}${path.extname(file)}`);
  try {
    // Loaded here, since it brings a parser that no other command waits for.
    const { withOptions } = await import('./config-source.ts');
    const text = withOptions(await readFile(file, 'utf8'), model, options);
    await writeWhole(trial, text);
    if (!isDeepStrictEqual(await loadConfig(trial), wanted))
      throw new Error(`setting the options in it would not change only these`);
    await writeWhole(file, text);
  } catch (cause) {
    throw new ConfigError(
      `${file} was left as it is: ${(cause as Error).message}. Set there yourself:\n\n  ${asWritten(model, options)}`,
      { cause },
    );
  } finally {
    await rm(trial, { force: true });
  }
}
