import type { Estimate } from '../../shared/release.ts';
import { estimateCrossPolicies, openBanditFolder } from '../fixtures/open-bandit.ts';

const percent = (share: number): string => (100 * share).toFixed(3);
const shown = ({ value, lower, upper }: Estimate): string =>
  `${percent(value)} [${percent(lower)}, ${percent(upper)}]`;

/** Click rates of Open Bandit's two policies: on their own logs, and estimated from each other's. */
export async function bench(): Promise<void> {
  if (openBanditFolder === undefined) {
    console.log('skipped: ../shared/data/open-bandit is not there');
    return;
  }
  const rows = [];
  for (const campaign of ['men', 'women']) {
    for (const { from, to, onPolicy, estimated } of await estimateCrossPolicies(campaign)) {
      rows.push({
        campaign,
        policy: to,
        log: from,
        'on its own log': shown(onPolicy),
        IPS: shown(estimated.ips),
        'self-normalised': shown(estimated.snips),
        'effective decisions': Math.round(estimated.effectiveSampleSize),
        'mean weight': estimated.meanWeight.toFixed(3),
      });
    }
  }
  console.log('Click rate, %, with 95 % intervals; 10,000 impressions a log');
  console.table(rows);
}
