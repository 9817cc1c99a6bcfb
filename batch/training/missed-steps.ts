/** How a step changes what it is not given a gradient for. */
export interface Decay {
  /** Of each step, from 1. */
  readonly rateOf: (step: number) => number;
  readonly beta1: number;
  readonly beta2: number;
  readonly weightDecay: number;
}

/** Terms of the drift that are smaller than this share of its first are left out. */
const negligible = 1e-9;

/**
 * What AdamW's steps do to a value x with moments m and v while it has no gradient, in closed form. After steps a + 1 … b,
 *
 *     m' = β₁^(b−a) · m,   v' = β₂^(b−a) · v,   x' = K_b/K_a · x − K_b · D_a · m/√v
 *     K_b = Π_{i ≤ b} (1 − η_i λ),   D_a = Σ_{a < i ≤ b} η_i √(1 − β₂^i) / (1 − β₁^i) · (β₁/√β₂)^(i−a) / K_i
 *
 * where ε is taken to be small beside √v. Needs β₁ < √β₂, so that the sum ends.
 */
export interface MissedSteps {
  /** To what was last changed in step `from`, all up to `to`, which never falls from call to call, have happened since: 4 numbers into `out`. */
  factors(from: number, to: number, out: Float32Array, at: number): void;
}

export function missedSteps({ rateOf, beta1, beta2, weightDecay }: Decay): MissedSteps {
  const ratio = beta1 / Math.sqrt(beta2);
  const span = Math.ceil(Math.log(negligible) / Math.log(ratio));
  /** By step, from 0: K and D so far. */
  const kept = [1];
  const drift = [0];
  const advance = (): void => {
    const step = kept.length;
    const rate = rateOf(step);
    kept.push(kept[step - 1]! * (1 - rate * weightDecay));
    drift.push(0);
    let term = (rate * Math.sqrt(1 - beta2 ** step)) / (1 - beta1 ** step) / kept[step]!;
    for (let from = step - 1; from >= Math.max(0, step - span); from--) {
      term *= ratio;
      drift[from]! += term;
    }
  };
  return {
    factors(from, to, out, at) {
      while (kept.length <= to) advance();
      out[at] = kept[to]! / kept[from]!;
      out[at + 1] = kept[to]! * drift[from]!;
      out[at + 2] = beta1 ** (to - from);
      out[at + 3] = beta2 ** (to - from);
    },
  };
}
