import { expect, it } from 'vitest';
import { languageFor, popularSentence, sentenceFor } from '../../shared/sentences.ts';

it('chooses the language that is asked for most, of those that it has', () => {
  const chosen = {
    '': 'en',
    de: 'de',
    'de-AT': 'de',
    'DE-de': 'de',
    'fr-FR, de;q=0.7, en;q=0.8': 'en',
    'fr, en;q=0.5, de;q=0.9': 'de',
    'de;q=0, en;q=0.1': 'en',
    'fr;q=1, *;q=0.5': 'en',
    'constructor, ;;q=, de;q=x': 'en',
  };
  for (const [accepted, language] of Object.entries(chosen))
    expect(languageFor(accepted), accepted).toBe(language);
  expect(languageFor()).toBe('en');
});

it('names the two that carried a recommendation most', () => {
  expect(sentenceFor('en', 'items', ['MUG', 'TEAPOT', 'CLOCK'])).toBe('Because you liked MUG and TEAPOT');
  expect(sentenceFor('de', 'items', ['MUG', 'TEAPOT'])).toBe('Passend zu MUG und TEAPOT');
  expect(sentenceFor('de', 'friends', ['Ada'])).toBe('Gemeinsame Kontakte: Ada');
  expect(sentenceFor('en', 'friends', ['Ada', 'Emmy'])).toBe('You both know Ada and Emmy');
});

it('has a sentence where no item speaks for it', () => {
  expect(sentenceFor('en', 'items', [])).toBe('Recommended for you');
  expect(popularSentence('de')).toBe('Bei allen beliebt');
});

it('takes titles as they are', () => {
  expect(sentenceFor('en', 'items', ['$& {b}', '$1 {a}'])).toBe('Because you liked $& {b} and $1 {a}');
});
