/** What a history holds: items that somebody chose, or the people that they know. */
export const evidenceKinds = ['items', 'friends'] as const;
export type EvidenceKind = (typeof evidenceKinds)[number];

/** Why something is recommended, in one language: for one name and for two. */
interface Sentences extends Readonly<Record<EvidenceKind, readonly [one: string, two: string]>> {
  readonly popular: string;
  /** When nothing in the history speaks for it alone. */
  readonly other: string;
}

/** By language. A translation is one entry here; a sentence should suit names of any gender and number. */
const languages = {
  en: {
    items: ['Because you liked {a}', 'Because you liked {a} and {b}'],
    friends: ['You both know {a}', 'You both know {a} and {b}'],
    popular: 'Popular with everyone',
    other: 'Recommended for you',
  },
  de: {
    items: ['Passend zu {a}', 'Passend zu {a} und {b}'],
    friends: ['Gemeinsame Kontakte: {a}', 'Gemeinsame Kontakte: {a} und {b}'],
    popular: 'Bei allen beliebt',
    other: 'Für Sie empfohlen',
  },
} as const satisfies Readonly<Record<string, Sentences>>;
export type Language = keyof typeof languages;

/**
 * The best language for a locale or a header `Accept-Language` (RFC 9110, 12.5.4): of those that are asked for the first with
 * sentences, by weight and then by place; else English.
 */
export function languageFor(accepted = ''): Language {
  const asked = accepted.split(',', 32).map((part) => {
    const [tag = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
    return { language: tag.split('-', 1)[0]!, weight: Number(weight ?? 1) };
  });
  const known = asked.filter(({ language, weight }) => weight > 0 && Object.hasOwn(languages, language));
  known.sort((a, b) => b.weight - a.weight);
  return (known[0]?.language ?? 'en') as Language;
}

/** The sentence for something that the named carried most, the weightiest first; of more than two the first two stand in it. */
export function sentenceFor(language: Language, kind: EvidenceKind, names: readonly string[]): string {
  const sentences = languages[language];
  const [a, b] = names;
  if (a === undefined) return sentences.other;
  // In one pass, and by a function, since titles may hold `{b}` or `$&`.
  return sentences[kind][b === undefined ? 0 : 1].replace(/\{[ab]\}/g, (name) =>
    name === '{a}' ? a : (b ?? ''),
  );
}

/** The sentence for something that popularity recommends. */
export const popularSentence = (language: Language): string => languages[language].popular;
