import type { QualityThresholds } from '../../config.ts';
import type { QualityCheck } from '../quality.ts';
import { count, graded, noted, ofAll, share } from './checks.ts';
import type { Audit } from './profile.ts';

/** What the sources' rows look like and which of them `where` drops. */
export function sourceChecks(
  audits: readonly Audit[],
  role: 'events' | 'items',
  thresholds: QualityThresholds,
): QualityCheck[] {
  return audits.flatMap((audit) => [
    ...(role === 'events' ? missingColumns(audit) : []),
    ...droppedRows(audit, role === 'events' ? thresholds.dropped : undefined),
    ...audit.negatives.map(({ column, rows }) =>
      graded(
        'negative values',
        { value: share(rows, audit.profile.rows - audit.dropped) },
        `${audit.profile.name}: ${column} is below zero in ${ofAll(rows, audit.profile.rows - audit.dropped, 'kept rows')}`,
      ),
    ),
  ]);
}

function missingColumns({ profile }: Audit): QualityCheck[] {
  const gaps = profile.columns.filter(({ missing }) => missing > 0);
  if (gaps.length === 0) return [];
  const worst = Math.max(...gaps.map(({ missing }) => missing));
  const list = gaps
    .map(({ name, missing }) => `${name} in ${ofAll(missing, profile.rows, 'rows')}`)
    .join(', ');
  return [noted('empty columns', share(worst, profile.rows), `${profile.name}: without a value is ${list}`)];
}

function droppedRows(
  { profile, dropped, droppedRows, conditions }: Audit,
  threshold: number | undefined,
): QualityCheck[] {
  if (conditions.length === 0) return [];
  const whole = graded(
    'dropped by where',
    {
      value: share(dropped, profile.rows),
      warnAbove: 1,
      ...(threshold === undefined ? {} : { threshold }),
    },
    `${profile.name}: where drops ${ofAll(dropped, profile.rows, 'rows')}`,
    droppedRows,
  );
  const parts = conditions
    .filter(({ failing }) => failing > 0)
    .map(({ sql, failing, samples }) =>
      noted(
        'dropped by condition',
        share(failing, profile.rows),
        `${profile.name}: ${ofAll(failing, profile.rows, 'rows')} fail '${sql}'`,
        samples,
      ),
    );
  const idle = conditions.filter(({ failing }) => failing === 0);
  const needless = idle.map(({ sql }) =>
    noted('condition without effect', 0, `${profile.name}: all ${count(profile.rows)} rows pass '${sql}'`),
  );
  return [whole, ...parts, ...needless];
}
