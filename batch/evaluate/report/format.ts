/** How the report writes numbers, dates and text: one locale, the same bytes on every machine. */
const counts = new Intl.NumberFormat('en-GB');
const significant = new Intl.NumberFormat('en-GB', { maximumSignificantDigits: 3 });
const days = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' });

export const count = (value: number): string => counts.format(value);
export const rounded = (value: number): string => significant.format(value);
export const percent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)} %`;

/** `1 query`, `2,412 queries`. */
export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`;

/** `seconds` since 1970. */
export const day = (seconds: number): string => days.format(seconds * 1_000);

/** A metric's value in its own unit: novelty in bits, coverage as a percentage, the others as a share in four digits. */
export function figure(key: string, value: number): string {
  if (key.startsWith('novelty')) return value.toFixed(2);
  if (key.startsWith('coverage')) return percent(value);
  return value.toFixed(4);
}

/** With its sign; a true minus, so that columns align and screen readers say it. */
export const signed = (key: string, value: number): string =>
  `${value < 0 ? '−' : '+'}${figure(key, Math.abs(value))}`;

export const significance = (pValue: number): string =>
  pValue < 0.001 ? 'p < 0.001' : `p = ${pValue.toFixed(3)}`;

const names: Readonly<Record<string, string>> = {
  ndcg: 'nDCG',
  recall: 'Recall',
  hit: 'Hit rate',
  mrr: 'MRR',
  map: 'MAP',
  coverage: 'Coverage',
  novelty: 'Novelty',
  auc: 'AUC',
  logLoss: 'Log-loss',
  ece: 'Calibration error',
};

/** `ndcg@20` → `nDCG@20`, `auc` → `AUC`. */
export function metricName(key: string): string {
  const [name = '', k] = key.split('@');
  return [names[name] ?? name, k].filter((part) => part !== undefined).join('@');
}

/** `two-tower` → `Two-tower`. */
export const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Cut to `length` characters, never inside a surrogate pair. */
export function shortened(text: string, length: number): string {
  const characters = Array.from(text);
  return characters.length <= length
    ? text
    : `${characters
        .slice(0, length - 1)
        .join('')
        .trimEnd()}…`;
}
