import { describe, expect, it } from 'vitest';
import { agreementTolerance, assertAgreement } from '../../../batch/export/agreement.ts';
import type { Model } from '../../../batch/recommender.ts';
import { ReleaseError } from '../../../shared/errors.ts';
import { fixtureRelease } from '../../fixtures/release.ts';

describe.each([
  { kind: 'embedding', dimensions: 20, bias: true, ownHistoryTable: true },
  { kind: 'neighbours' },
  { kind: 'none' },
] as const)('agreement of %o with its model', (options) => {
  const fixture = fixtureRelease({ ...options, items: 200, histories: 5 });

  /** What is said of a model that scores as the fixture's does, but for `change`. */
  const compare = async (change: (scores: Float32Array, largest: number) => void): Promise<unknown> => {
    const { score, artifact, popularity, histories } = await fixture;
    const changed: Model['score'] = async (queries) => {
      const scores = (await score(queries)).map((row) => row.slice());
      for (const row of scores) {
        change(
          row,
          row.subarray(1).reduce((max, x) => (Number.isFinite(x) ? Math.max(max, Math.abs(x)) : max), 0),
        );
      }
      return scores;
    };
    return assertAgreement(changed, artifact, popularity, histories).catch((error: unknown) => error);
  };
  const scored = (scores: Float32Array): number => scores.findLastIndex(Number.isFinite);

  it('is accepted when the scores differ by rounding only', async () => {
    expect(await compare(() => undefined)).toBeUndefined();
    const error = await compare((scores, largest) => {
      scores[scored(scores)]! += 0.4 * agreementTolerance * largest;
    });
    expect(error).toBeUndefined();
  });

  it('is refused when one item differs by more', async () => {
    const error = await compare((scores, largest) => {
      scores[scored(scores)]! += 3 * agreementTolerance * largest;
    });
    expect(error).toBeInstanceOf(ReleaseError);
    expect((error as Error).message).toMatch(
      /^export: for history 0 \(1 events\) the model scores item \d+ \S+, its artifact \S+; expected a difference/,
    );
  });

  it('is refused when the model scores NaN where its artifact does not', async () => {
    const error = await compare((scores) => {
      scores[scored(scores)] = Number.NaN;
    });
    expect((error as Error).message).toMatch(/NaN, its artifact/);
  });

  it('is refused when the numbers of items differ', async () => {
    const { score, artifact, popularity, histories } = await fixture;
    const short: Model['score'] = async (queries) =>
      (await score(queries)).map((scores) => scores.slice(0, -1));
    await expect(assertAgreement(short, artifact, popularity, histories)).rejects.toThrow(
      'the model scores 200 items, its artifact 201',
    );
  });
});
