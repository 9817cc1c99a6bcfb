import type { Random } from '../training/random.ts';

/** A value that an option can have: plain, so that it can stand in a config. */
export type OptionValue = number | string | boolean | null;

/** Where the values of one option are drawn from. */
export interface Dimension {
  /** One number of `random` a value, whatever it is. */
  sample(random: Random): OptionValue;
}

/** One of these, all alike. */
export const choice = <const Values extends readonly [OptionValue, ...OptionValue[]]>(
  ...values: Values
): Dimension => ({
  sample: (random) => values[Math.floor(random() * values.length)]!,
});

/** Between two numbers, in three significant digits. */
export const uniform = (from: number, to: number): Dimension => ({
  sample: (random) => within(from, to, readable(from + (to - from) * random())),
});

/** Between two positive numbers; every doubling is as likely as every other. In three significant digits. */
export const logUniform = (from: number, to: number): Dimension => ({
  sample: (random) => within(from, to, readable(onLogScale(from, to, random()))),
});

/** A whole number from `from` to `to`, these included; every doubling is as likely as every other. */
export const logInteger = (from: number, to: number): Dimension => ({
  sample: (random) => within(from, to, Math.floor(onLogScale(from, to + 1, random()))),
});

const onLogScale = (from: number, to: number, share: number): number => from * (to / from) ** share;

/** Short enough to stand in a config; what is tried is the number that is written down. */
const readable = (value: number): number => Number(value.toPrecision(3));

const within = (from: number, to: number, value: number): number => Math.min(to, Math.max(from, value));
