import { describe, expect, it } from 'vitest';
import { type DecisionLog, evaluatePolicy } from '../../../batch/evaluate/counterfactual.ts';
import { seededRandom } from '../../../batch/training/random.ts';
import { DataError } from '../../../shared/errors.ts';
import { estimateCrossPolicies, openBanditFolder } from '../../fixtures/open-bandit.ts';

const log = (columns: Record<'rewards' | 'propensities' | 'target', readonly number[]>): DecisionLog => ({
  rewards: Float64Array.from(columns.rewards),
  propensities: Float64Array.from(columns.propensities),
  target: Float64Array.from(columns.target),
});

describe('evaluatePolicy', () => {
  const small = { rewards: [1, 0, 1, 0], propensities: [0.5, 0.5, 0.25, 0.8], target: [0.25, 1, 0.5, 0] };

  it('computes the estimators as written by hand', () => {
    // w = .5, 2, 2, 0
    const { ips, snips, dr, effectiveSampleSize, meanWeight, clipped } = evaluatePolicy({
      ...log(small),
      rewardModel: {
        logged: Float64Array.of(0.5, 0.5, 1, 0.25),
        expected: Float64Array.of(0.25, 0.5, 0.75, 1),
      },
    });
    expect(ips.value).toBeCloseTo((0.5 + 2) / 4, 12);
    expect(snips.value).toBeCloseTo((0.5 + 2) / 4.5, 12);
    // .25 + .5·.5, .5 − 2·.5, .75 + 0, 1
    expect(dr!.value).toBeCloseTo((0.5 - 0.5 + 0.75 + 1) / 4, 12);
    expect(effectiveSampleSize).toBeCloseTo(4.5 ** 2 / 8.25, 12);
    expect({ meanWeight, clipped }).toEqual({ meanWeight: 1.125, clipped: 0 });
    // variance of (.5, 0, 2, 0) is .8958…
    expect(ips.upper - ips.value).toBeCloseTo(1.959964 * Math.sqrt(0.8958333 / 4), 5);
    const squares = (0.5 * (1 - 2.5 / 4.5)) ** 2 + (2 * (2.5 / 4.5)) ** 2 + (2 * (1 - 2.5 / 4.5)) ** 2;
    expect(snips.upper - snips.value).toBeCloseTo((1.959964 * Math.sqrt(squares)) / 4.5, 5);
  });

  it('cuts weights and says how many', () => {
    const { ips, clipped, meanWeight } = evaluatePolicy(log(small), { maximumWeight: 1 });
    expect({ clipped, meanWeight }).toEqual({ clipped: 0.5, meanWeight: 1.125 });
    expect(ips.value).toBeCloseTo((0.5 + 1) / 4, 12);
  });

  it('of the logging policy itself is the mean reward', () => {
    const { ips, snips, effectiveSampleSize } = evaluatePolicy(log({ ...small, target: small.propensities }));
    expect([ips.value, snips.value, effectiveSampleSize]).toEqual([0.5, 0.5, 4]);
  });

  it.each<[string, Parameters<typeof log>[0], RegExp]>([
    ['an impossible decision', { ...small, propensities: [0.5, 0, 0.5, 0.5] }, /propensities\[1\].*found 0/],
    ['a probability above 1', { ...small, target: [0, 0, 0, 1.5] }, /target\[3\].*found 1.5/],
    ['a reward that is no number', { ...small, rewards: [Number.NaN, 0, 0, 0] }, /rewards\[0\].*found NaN/],
    ['columns of other lengths', { ...small, target: [1] }, /4 entries in target, found 1/],
    ['a policy that takes no logged action', { ...small, target: [0, 0, 0, 0] }, /found none/],
    ['next to nothing', { rewards: [1], propensities: [1], target: [1] }, /at least 2 decisions/],
  ])('refuses %s', (_name, columns, message) => {
    expect(() => evaluatePolicy(log(columns))).toThrow(DataError);
    expect(() => evaluatePolicy(log(columns))).toThrow(message);
  });
});

describe('the 95 % intervals', () => {
  /** Clicks on 20 ads in two contexts, logged by one policy and evaluated for another; the truth is known. */
  const actions = 20;
  const contexts = 2;
  const random = seededRandom(7);
  const softmax = (scale: number): number[][] =>
    Array.from({ length: contexts }, () => {
      const powers = Array.from({ length: actions }, () => Math.exp(scale * (random() - 0.5)));
      const sum = powers.reduce((a, b) => a + b);
      return powers.map((power) => power / sum);
    });
  const clickRate = Array.from({ length: contexts }, () =>
    Array.from({ length: actions }, () => 0.02 + 0.1 * random()),
  );
  const logging = softmax(2);
  const target = softmax(3);
  const expectation = (x: number, of: number[][]): number =>
    target[x]!.reduce((sum, probability, a) => sum + probability * of[x]![a]!, 0);
  const truth = (expectation(0, clickRate) + expectation(1, clickRate)) / 2;
  /** A reward model that is wrong, as they are. */
  const guess = clickRate.map((rates) => rates.map((rate) => 0.5 * rate + 0.04));

  function draw(decisions: number): DecisionLog {
    const columns = () => new Float64Array(decisions);
    const drawn = {
      rewards: columns(),
      propensities: columns(),
      target: columns(),
      rewardModel: { logged: columns(), expected: columns() },
    };
    for (let i = 0; i < decisions; i++) {
      const x = random() < 0.5 ? 0 : 1;
      let a = 0;
      for (let left = random() - logging[x]![0]!; left > 0 && a < actions - 1; ) left -= logging[x]![++a]!;
      drawn.rewards[i] = random() < clickRate[x]![a]! ? 1 : 0;
      drawn.propensities[i] = logging[x]![a]!;
      drawn.target[i] = target[x]![a]!;
      drawn.rewardModel.logged[i] = guess[x]![a]!;
      drawn.rewardModel.expected[i] = expectation(x, guess);
    }
    return drawn;
  }

  it('hold the true value in 93 to 97 % of 1,000 logs', () => {
    const held = { ips: 0, snips: 0, dr: 0 };
    for (let trial = 0; trial < 1_000; trial++) {
      const value = evaluatePolicy(draw(2_000));
      for (const name of ['ips', 'snips', 'dr'] as const) {
        const { lower, upper } = value[name]!;
        if (lower <= truth && truth <= upper) held[name]++;
      }
    }
    for (const [name, count] of Object.entries(held)) {
      expect(count, name).toBeGreaterThanOrEqual(930);
      expect(count, name).toBeLessThanOrEqual(970);
    }
  });
});

describe.skipIf(openBanditFolder === undefined)(
  'on Open Bandit (skipped without ../shared/data/open-bandit)',
  () => {
    it.each(['men', 'women'])("estimates each policy's clicks from the other's log: %s", async (campaign) => {
      const [fromRandom, fromBts] = await estimateCrossPolicies(campaign);
      // A log that shows everything evenly tells any policy's value.
      const { snips } = fromRandom!.estimated;
      expect(snips.value).toBeGreaterThanOrEqual(fromRandom!.onPolicy.lower);
      expect(snips.value).toBeLessThanOrEqual(fromRandom!.onPolicy.upper);
      // The other way round weights are large (up to 400, cut to 20), and so is the interval.
      const reverse = fromBts!.estimated.snips;
      expect(reverse.lower).toBeLessThan(fromBts!.onPolicy.value);
      expect(reverse.upper).toBeGreaterThan(fromBts!.onPolicy.value);
    });
  },
);
