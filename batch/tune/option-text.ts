import type { OptionValue } from './dimensions.ts';
import type { Point } from './points.ts';

/** The options as they would stand in a config: what a person can paste. */
export const asWritten = (model: string, options: Point): string => {
  const entries = Object.entries(options).map(([name, value]) => entry(name, value, "'"));
  return `models: { ${keyOf(model, "'")}: { ${entries.join(', ')} } }`;
};

/** `name: value`. */
export const entry = (name: string, value: OptionValue, quote: string): string =>
  `${keyOf(name, quote)}: ${valueText(value, quote)}`;

/** A name as a key: quoted where it must be. */
export const keyOf = (name: string, quote: string): string =>
  /^[A-Za-z_$][\w$]*$/.test(name) ? name : valueText(name, quote);

/** A value as it is written. Strings here are names and choices that models declare: without quotes, backslashes and line ends. */
export const valueText = (value: OptionValue, quote: string): string =>
  typeof value === 'string' ? `${quote}${value}${quote}` : String(value);
