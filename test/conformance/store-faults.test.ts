import { describe, expect, it } from 'vitest';
import { storeFaults } from '../bench/store-faults.ts';
import { findVersitygw } from '../fixtures/versitygw.ts';

const { executable, reason } = await findVersitygw();

describe.skipIf(executable === undefined)(`releases in S3${reason ? ` (${reason})` : ''}`, () => {
  it('stay whole, served and readable through a hundred faults', async () => {
    const { faults, violations, orphanedParts, ...done } = await storeFaults(executable!, 100, 2);
    expect(violations).toEqual([]);
    expect(orphanedParts).toBe(0);
    expect(Object.keys(faults).length).toBeGreaterThanOrEqual(8);
    expect(done.refused).toBeLessThan(done.publications + done.reads);
    expect(done.looks).toBeGreaterThan(0);
  });
});
