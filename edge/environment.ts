import * as v from 'valibot';
import { ConfigError } from '../shared/errors.ts';
import { ChannelName } from '../shared/release.ts';

const number = (least: number, most: number) =>
  v.pipe(
    v.string(),
    v.regex(/^\d+$/, 'expected a whole number'),
    v.transform(Number),
    v.minValue(least),
    v.maxValue(most),
  );

/** The worker's variables, as wrangler.toml and `--var` give them: text. */
export const Variables = v.object({
  /** Address of an HTTP origin with the store's keys as paths; left out or empty, the R2 bucket is read. */
  RELEASE_ORIGIN: v.optional(
    v.pipe(
      v.string(),
      v.check((text) => text === '' || /^https?:\/\/\S+$/.test(text), 'expected an http(s) address'),
      v.transform((text) => text.replace(/\/+$/, '')),
    ),
    '',
  ),
  CHANNEL: v.optional(ChannelName, 'production'),
  /** Seconds between two looks at the channel; also how long caches may hold an answer. */
  POLL_SECONDS: v.optional(number(1, 86_400), '30'),
  /** MiB of an isolate's 128 that releases may take: the serving one and the next together. */
  MEMORY_MIB: v.optional(number(1, 4_096), '88'),
  /** Origins that may call from a browser, separated by spaces; `*` for all. */
  CORS_ORIGINS: v.optional(
    v.pipe(
      v.string(),
      v.transform((text) => text.split(/\s+/).filter(Boolean)),
    ),
    '',
  ),
});
/** Parsed. */
export type Variables = v.InferOutput<typeof Variables>;

/** @throws ConfigError naming the variable */
export function parseVariables(environment: unknown): Variables {
  const result = v.safeParse(Variables, environment);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new ConfigError(`${v.getDotPath(issue) ?? 'the environment'}: ${issue.message}`);
}
