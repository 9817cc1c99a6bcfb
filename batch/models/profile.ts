import * as v from 'valibot';

/** Defaults of a model's other options, by profile: `fast` takes minutes on two cores, `full` as long as accuracy still gains. */
type Profiles = Readonly<Record<'fast' | 'full', object> & Record<string, object>>;

/** What is left out is filled in by the profile, so that those of its entries are always there. */
type Filled<Given, Defaults> = Omit<Given, keyof Defaults> & {
  readonly [K in keyof Given & keyof Defaults]-?: Exclude<Given[K], undefined>;
};

/**
 * The options schema of a model with profiles: a strict object of `entries` and `profile`, which decides what is left out; itself
 * left out, it is `fast`. A model may have more profiles than the two, such as a published setting.
 */
export function withProfiles<const Entries extends v.ObjectEntries, Named extends Profiles>(
  entries: Entries,
  profiles: Named,
) {
  type Given = v.InferOutput<v.StrictObjectSchema<Entries, undefined>>;
  type Options = { readonly profile: string } & Filled<Given, Named['fast']>;
  const names = Object.keys(profiles) as [string, ...string[]];
  return v.pipe(
    v.strictObject({ profile: v.optional(v.picklist(names), 'fast'), ...entries }),
    v.transform((given): Options => {
      const chosen = Object.entries(given).filter(([, value]) => value !== undefined);
      return { ...profiles[given.profile as string], ...Object.fromEntries(chosen) } as Options;
    }),
  );
}
