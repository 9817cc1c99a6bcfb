/** Markup that may stand in a page as it is. Only {@link html} and {@link trusted} make it. */
export class Html {
  readonly markup: string;
  constructor(markup: string) {
    this.markup = markup;
  }
}

type Content = Html | string | number | undefined | false | readonly Content[];

/**
 * A piece of HTML: whatever is put in is escaped, for element content and quoted attributes alike, unless it is itself
 * Html. Lists are joined; `undefined` and `false` leave nothing.
 */
export function html(texts: TemplateStringsArray, ...contents: readonly Content[]): Html {
  return new Html(
    texts.map((text, at) => text + (at < contents.length ? render(contents[at]) : '')).join(''),
  );
}

/** Markup of our own making, not to be escaped: a chart's SVG, the style sheet. */
export const trusted = (markup: string): Html => new Html(markup);

function render(content: Content): string {
  if (content === undefined || content === false) return '';
  if (content instanceof Html) return content.markup;
  if (typeof content === 'object') return content.map(render).join('');
  return escaped(String(content));
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escaped = (text: string): string =>
  printable(text).replace(/[&<>"']/g, (character) => entities[character]!);

/** Characters that no HTML document may hold (C0 controls but tab and line ends) become U+FFFD. */
export const printable = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  text.replace(/[\0-\x08\v\f\x0e-\x1f]/g, '\ufffd');
