/** What a history holds: items that somebody chose, or the people that they know. */
export const evidenceKinds = ['items', 'friends'] as const;
export type EvidenceKind = (typeof evidenceKinds)[number];

/** Why something is recommended, in one language; `{names}` is a list such as "A and B". */
interface Sentences extends Readonly<Record<EvidenceKind, string>> {
  readonly popular: string;
  /** When nothing in the history speaks for it alone. */
  readonly other: string;
}

/** By language. A translation is one entry here; it makes no use of the names' number or gender. */
const languages = {
  en: {
    items: 'Because you liked {names}',
    friends: 'You both know {names}',
    popular: 'Popular with everyone',
    other: 'Recommended for you',
  },
  de: {
    items: 'Passend zu {names}',
    friends: 'Gemeinsame Kontakte: {names}',
    popular: 'Bei allen beliebt',
    other: 'Für Sie empfohlen',
  },
} as const satisfies Readonly<Record<string, Sentences>>;
export type Language = keyof typeof languages;

/** Names that a sentence holds, at most. */
const namesInSentence = 2;

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

/** The sentence for something that the named carried most, the weightiest first. */
export function sentenceFor(language: Language, kind: EvidenceKind, names: readonly string[]): string {
  const sentences = languages[language];
  if (names.length === 0) return sentences.other;
  const list = new Intl.ListFormat(language, { type: 'conjunction' });
  // A function, because of a title's own `$&`.
  return sentences[kind].replace('{names}', () => list.format(names.slice(0, namesInSentence)));
}

/** The sentence for something that popularity recommends. */
export const popularSentence = (language: Language): string => languages[language].popular;
