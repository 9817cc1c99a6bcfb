import { ReleaseError } from '../../shared/errors.ts';
import type { Channel } from '../../shared/release.ts';
import type { Store } from '../store/store.ts';
import { moveChannel, pointTo, readChannel, servingRelease } from './channel.ts';
import { verifyRelease } from './verify.ts';

export interface Rollback {
  readonly from: string;
  readonly to: string;
}

/**
 * Points a channel back to the release that served before, or to a named one, in one conditional write. Going back
 * again goes back further: what is left behind is not remembered, what lies ahead of a named release neither.
 * @throws ReleaseError when there is nothing to go back to, when that release does not verify, or when somebody else
 * moves the channel meanwhile; the channel is unchanged then
 */
export async function rollback(
  store: Store,
  channel: string,
  options: { readonly releaseId?: string | undefined; readonly dryRun?: boolean } = {},
): Promise<Rollback> {
  const basis = await readChannel(store, channel);
  if (basis === undefined)
    throw new ReleaseError(`channel ${channel} does not exist: nothing was published.`);
  const from = servingRelease(basis.channel);
  const to = options.releaseId ?? basis.channel.previous[0]?.releaseId;
  if (to === undefined)
    throw new ReleaseError(
      `channel ${channel} has served nothing but ${from}: there is nothing to go back to.`,
    );
  if (to === from) throw new ReleaseError(`channel ${channel} serves ${from} already.`);
  const { faults } = await verifyRelease(store, to);
  if (faults.length > 0)
    throw new ReleaseError(
      `release ${to} cannot serve, channel ${channel} stays at ${from}: ${faults.join('; ')}`,
    );
  if (options.dryRun !== true) await moveChannel(store, channel, basis, goTo(to, basis.channel));
  return { from, to };
}

function goTo(releaseId: string, channel: Channel): Channel {
  const at = channel.previous.findIndex((earlier) => earlier.releaseId === releaseId);
  const next = pointTo(releaseId, channel);
  return at < 0 ? next : { ...next, previous: channel.previous.slice(at + 1) };
}
