const smallWords = new Set([
  'a',
  'an',
  'and',
  'at',
  'by',
  'for',
  'from',
  'in',
  'of',
  'on',
  'or',
  'the',
  'to',
  'with',
]);

/** @param {string} word lower case */
const capitalised = (word) =>
  word.replace(/(^|[-/(.&+"])(\p{L})/gu, (_, before, letter) => before + letter.toUpperCase());

/**
 * A title as people read one. Shops often store them in capitals only, which is set as a heading here; any other title
 * stays as it is. Abbreviations (no vowel: CD, DVD) and codes with digits keep their capitals.
 * @param {string} title
 */
export function readableTitle(title) {
  if (/\p{Ll}/u.test(title) || !/\p{Lu}{3}/u.test(title)) return title;
  return title
    .split(/\s+/)
    .map((word, index) => {
      const lower = word.toLowerCase();
      if (index > 0 && smallWords.has(lower)) return lower;
      return /\d/.test(word) || /^[B-DF-HJ-NP-TV-XZ]{2,3}$/.test(word)
        ? word.replace(/['’]S$/, "'s")
        : capitalised(lower);
    })
    .join(' ');
}

const counts = new Intl.NumberFormat('en-GB');
const prices = new Intl.NumberFormat('en-GB', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** @param {number} value */
export const count = (value) => counts.format(value);
/** The catalogue names no currency. @param {number} value */
export const price = (value) => prices.format(value);

/**
 * Three significant digits, without an exponent where a reader can do without.
 * @param {number} value
 */
export function score(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.0005 || size >= 1e6)) return value.toExponential(1);
  return size >= 100 ? count(Math.round(value)) : value.toPrecision(3);
}

/**
 * @param {number} value
 * @returns {string} milliseconds, as precise as a person cares: 0.21, 9.4, 128
 */
export const milliseconds = (value) => value.toFixed(value < 1 ? 2 : value < 100 ? 1 : 0);

/**
 * Lengths of bars, 0…1, that compare scores of one answer: the best is full, and zero is empty unless there are
 * scores below it; then the lowest is.
 * @param {readonly number[]} scores
 */
export function shares(scores) {
  const high = Math.max(...scores);
  const low = Math.min(0, ...scores);
  return scores.map((value) => (high === low ? 1 : (value - low) / (high - low)));
}

/**
 * The stages of a Server-Timing header, in the header's order.
 * @param {string | null} header
 * @returns {{ name: string, ms: number }[]}
 */
export function serverTiming(header) {
  return (header ?? '').split(',').flatMap((metric) => {
    const [name, ...parameters] = metric.split(';').map((part) => part.trim());
    const duration = parameters.find((parameter) => parameter.startsWith('dur='));
    return name && duration ? [{ name, ms: Number(duration.slice(4)) }] : [];
  });
}

/**
 * The request as a command for a POSIX shell.
 * @param {string} url
 * @param {unknown} body
 */
export function curl(url, body) {
  const quoted = JSON.stringify(body).replaceAll("'", "'\\''");
  return `curl -sS ${url} \\\n  -H 'content-type: application/json' \\\n  -d '${quoted}'`;
}

/**
 * Up to two letters that stand for a title: 'White Hanging Heart' → 'WH'.
 * @param {string} title
 */
export function monogram(title) {
  const words = title.match(/[\p{L}\p{N}]+/gu) ?? ['?'];
  const meaningful = words.filter((word) => word.length > 2 && /^\p{L}/u.test(word));
  return (meaningful.length > 0 ? meaningful : words)
    .slice(0, 2)
    .map((word) => [...word][0]?.toUpperCase())
    .join('');
}

/**
 * A number in [0, 1) drawn from the id and a salt: the same item always looks the same.
 * @param {string} itemId
 * @param {number} salt
 */
export function drawn(itemId, salt) {
  let hash = 0x811c9dc5 ^ salt;
  for (const character of itemId) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
}
