import * as v from 'valibot';
import { ConfigError, ReleaseError } from '../../shared/errors.ts';
import { ReleaseId } from '../../shared/release.ts';
import type { Store } from '../store/store.ts';
import { readChannel, servingRelease } from './channel.ts';
import { formatList, formatPrune, formatRelease, formatVerification } from './format.ts';
import { listReleases, showRelease } from './list.ts';
import { pruneReleases } from './prune.ts';
import { rollback } from './rollback.ts';
import { verifyRelease } from './verify.ts';

export interface ReleaseCommandOptions {
  /** Of prune: how many of the newest releases stay. */
  readonly keep: number;
  /** Of rollback and prune: says what would happen and changes nothing. */
  readonly dryRun: boolean;
}

const usage = 'expected list, show [id], verify [id], rollback [id] or prune';

/**
 * Runs `perigee release <verb> [id]` and gives the text to print. Without an id, show and verify take the release that
 * the channel serves, rollback the one before it.
 * @throws ConfigError for arguments that are none, ReleaseError when the answer is bad news
 */
export async function releaseCommand(
  store: Store,
  channel: string,
  rest: readonly string[],
  { keep, dryRun }: ReleaseCommandOptions,
): Promise<string> {
  const [verb, releaseId, ...more] = rest;
  const takesId = verb === 'show' || verb === 'verify' || verb === 'rollback';
  if (more.length > 0 || (releaseId !== undefined && !takesId))
    throw new ConfigError(`perigee release ${rest.join(' ')}: too many arguments; ${usage}.`);
  if (releaseId !== undefined && !v.is(ReleaseId, releaseId))
    throw new ConfigError(`Release '${releaseId}': expected 16 lower-case hex digits, as 'list' shows them.`);
  switch (verb) {
    case 'list':
      return formatList(await listReleases(store), store.description);
    case 'show':
      return formatRelease(await showRelease(store, releaseId ?? (await served(store, channel))));
    case 'verify': {
      const verification = await verifyRelease(store, releaseId ?? (await served(store, channel)));
      if (verification.faults.length > 0) throw new ReleaseError(formatVerification(verification));
      return formatVerification(verification);
    }
    case 'rollback': {
      const { from, to } = await rollback(store, channel, { releaseId, dryRun });
      return `Channel ${channel} ${dryRun ? 'would serve' : 'now serves'} ${to}, ${dryRun ? 'instead of' : 'no longer'} ${from}.`;
    }
    case 'prune':
      if (!Number.isInteger(keep) || keep < 1)
        throw new ConfigError(`--keep: expected a whole number from 1, found ${keep}.`);
      return formatPrune(await pruneReleases(store, { keep, dryRun }), dryRun);
    default:
      throw new ConfigError(`perigee release ${verb ?? ''}: ${usage}.`);
  }
}

async function served(store: Store, channel: string): Promise<string> {
  const version = await readChannel(store, channel);
  if (version === undefined)
    throw new ReleaseError(
      `Channel ${channel} of ${store.description} serves nothing: run 'perigee run' first.`,
    );
  return servingRelease(version.channel);
}
