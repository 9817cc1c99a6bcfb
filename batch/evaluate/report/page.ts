import { readFileSync } from 'node:fs';
import { type Html, html, trusted } from './html.ts';

const style = readFileSync(new URL('./style.css', import.meta.url), 'utf8');

/** A page complete in itself: no script, no request, light and dark. `body` has a `main` with the id main. */
export const page = (title: string, body: Html): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${trusted(style)}</style>
</head>
<body><div class="page">
<a class="skip" href="#main">Skip to the results</a>
${body}
</div></body></html>
`.markup;
