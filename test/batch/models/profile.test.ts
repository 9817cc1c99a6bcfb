import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { withProfiles } from '../../../batch/models/profile.ts';

describe('an options schema with profiles', () => {
  const schema = withProfiles(
    { rate: v.optional(v.number()), width: v.optional(v.number()), note: v.optional(v.string()) },
    { fast: { rate: 2, width: 8 }, full: { rate: 1, width: 64 }, published: { rate: 3, width: 16 } },
  );

  it('fills in what is left out, undefined too, by the profile: fast, unless another is named', () => {
    expect(v.parse(schema, {})).toEqual({ profile: 'fast', rate: 2, width: 8 });
    expect(v.parse(schema, { profile: 'full', rate: 9, width: undefined })).toEqual({
      profile: 'full',
      rate: 9,
      width: 64,
    });
    expect(v.parse(schema, { profile: 'published', note: 'n' })).toEqual({
      profile: 'published',
      rate: 3,
      width: 16,
      note: 'n',
    });
  });

  it('leaves options that are complete as they are', () => {
    const options = v.parse(schema, { profile: 'full', rate: 9 });
    expect(v.parse(schema, options)).toEqual(options);
  });

  it('refuses another profile, and another option', () => {
    expect(() => v.parse(schema, { profile: 'best' })).toThrow(/fast.*full/);
    expect(() => v.parse(schema, { rats: 1 })).toThrow(/rats/);
  });
});
