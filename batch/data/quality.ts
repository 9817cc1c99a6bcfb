import { DataError } from '../../shared/errors.ts';
import type { Dataset } from './dataset.ts';
import type { Cell } from './duckdb.ts';
import { count } from './quality/checks.ts';
import type { Audit } from './quality/profile.ts';

/** What was found in the data: plain, for the report, the cache and whoever asks. */
export interface QualityReport {
  /** In one line: rows read, events kept, users, items. */
  readonly summary: string;
  /** Rows of the event sources, and the events that they made. */
  readonly rows: { readonly read: number; readonly kept: number };
  readonly sources: readonly SourceProfile[];
  /** Errors first, then warnings. */
  readonly checks: readonly QualityCheck[];
}

/** A source as it is, before anything is dropped. */
export interface SourceProfile {
  /** `events data/ratings.csv`. */
  readonly name: string;
  readonly rows: number;
  readonly columns: readonly {
    readonly name: string;
    /** DuckDB's type. */
    readonly type: string;
    /** Rows without a value. */
    readonly missing: number;
  }[];
}

export interface QualityCheck {
  /** Short and stable: `missing values`, `dropped by where`, `drift`, … */
  readonly name: string;
  readonly severity: 'ok' | 'warning' | 'error';
  /** In words, with the figures. */
  readonly message: string;
  /** What the threshold is held against: a share (0…1) or a count, as the check says. */
  readonly value: number;
  readonly threshold?: number;
  /** Rows or items that show it, as they are in the source. */
  readonly samples?: readonly Sample[];
}

export type Sample = Readonly<Record<string, Cell>>;

/** Data that fail a threshold; carries the whole report. */
export class DataQualityError extends DataError {
  readonly report: QualityReport;

  constructor(report: QualityReport) {
    const errors = report.checks.filter(({ severity }) => severity === 'error');
    super(
      `the data fail ${errors.length} ${errors.length === 1 ? 'check' : 'checks'} (thresholds: data.quality):\n${errors
        .map(({ name, message, samples = [] }) =>
          [
            `  ${name}: ${message}`,
            ...samples.slice(0, 3).map((sample) => `    ${JSON.stringify(sample)}`),
          ].join('\n'),
        )
        .join('\n')}`,
    );
    this.report = report;
  }
}

const order = { error: 0, warning: 1, ok: 2 } as const;

/** Puts the findings together. */
export function qualityReport(
  dataset: Dataset,
  audits: readonly Audit[],
  rowsRead: number,
  checks: readonly QualityCheck[],
): QualityReport {
  const events = dataset.items.length;
  const from = rowsRead === events ? '' : `${count(rowsRead)} rows, `;
  return {
    summary: `${from}${count(events)} events of ${count(dataset.userIds.length)} users and ${count(dataset.itemIds.length - 1)} items`,
    rows: { read: rowsRead, kept: events },
    sources: audits.map(({ profile }) => profile),
    checks: checks.toSorted((a, b) => order[a.severity] - order[b.severity]),
  };
}

/** The report with one more finding. */
export const withCheck = (report: QualityReport, check: QualityCheck): QualityReport => ({
  ...report,
  checks: [...report.checks, check].sort((a, b) => order[a.severity] - order[b.severity]),
});

/** @throws DataQualityError when a check is an error */
export function assertQuality(report: QualityReport): void {
  if (report.checks.some(({ severity }) => severity === 'error')) throw new DataQualityError(report);
}
