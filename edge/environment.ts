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

/** Whether keys can be appended to it. Secrets have no place in a variable that anybody who deploys can read. */
function isOrigin(text: string): boolean {
  if (text === '') return true;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return (
    url !== undefined &&
    /^https?:$/.test(url.protocol) &&
    !/[?#\s]/.test(text) &&
    url.username === '' &&
    url.password === ''
  );
}

/** The worker's variables, as wrangler.toml and `--var` give them: text. */
const Variables = v.object({
  /** Address of an HTTP origin with the store's keys as paths; left out or empty, the R2 bucket is read. */
  RELEASE_ORIGIN: v.optional(
    v.pipe(
      v.string(),
      v.check(isOrigin, 'expected an http(s) address without user, password, query or fragment'),
      v.transform((text) => text.replace(/\/+$/, '')),
    ),
    '',
  ),
  CHANNEL: v.optional(ChannelName, 'production'),
  /** Seconds between two looks at the channel; also how long caches may hold an answer. */
  POLL_SECONDS: v.optional(number(1, 86_400), '30'),
  /** MiB of an isolate's 128 that releases may take: the serving one and the next together. */
  MEMORY_MIB: v.optional(number(1, 4_096), '88'),
  /** Milliseconds that a ranker may take on average; past that, answers keep the model's order and say so. */
  RANK_BUDGET_MS: v.optional(number(1, 10_000), '50'),
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
type Variables = v.InferOutput<typeof Variables>;

/** @throws ConfigError naming the variable */
export function parseVariables(environment: unknown): Variables {
  const result = v.safeParse(Variables, environment);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new ConfigError(`${v.getDotPath(issue) ?? 'the environment'}: ${issue.message}`);
}
