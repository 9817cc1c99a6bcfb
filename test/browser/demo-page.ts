import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContextOptions, Locator, Page, Response } from 'playwright-core';

const axe = readFileSync(path.resolve(import.meta.dirname, '../../node_modules/axe-core/axe.min.js'), 'utf8');

/** The demo page in a browser of its own, with what it did besides showing something. */
export interface DemoPage extends AsyncDisposable {
  readonly page: Page;
  /** Console errors and warnings, uncaught exceptions, violations of the content security policy. */
  readonly complaints: readonly string[];
  /** Hosts that requests went to. */
  readonly hosts: ReadonlySet<string>;
}

/** Opens the page and waits for its first answer, or for what it shows instead. */
export async function openDemo(
  browser: Browser,
  address: string,
  options: BrowserContextOptions = {},
): Promise<DemoPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  const hosts = new Set<string>();
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()))
      complaints.push(`${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('response', async (response) => {
    if (response.status() >= 500) complaints.push(await response.text().catch(String));
  });
  page.on('request', (request) => hosts.add(new URL(request.url()).host));
  await page.goto(address);
  await page.locator('#cards .cover, .answer .problem').first().waitFor();
  await settled(page);
  return { page, complaints, hosts, [Symbol.asyncDispose]: () => context.close() };
}

/** Waits until no part of the page waits for the worker. */
const settled = (page: Page) =>
  page.waitForFunction(() => document.querySelector('[aria-busy=true]') === null);

/** Ids in a list of the page (`cards`, `history-list`, `popular-list`, `similar-list`), from top to bottom. */
export const idsIn = (page: Page, list: string): Promise<string[]> =>
  page
    .locator(`#${list} > li`)
    .evaluateAll((rows) => rows.map((row) => (row as HTMLElement).dataset['item'] ?? ''));

/** Does something that changes the history, and waits for the answer to it. */
export async function answering(page: Page, action: () => Promise<unknown>): Promise<void> {
  const isAnswer = (response: Response): boolean => response.url().endsWith('/v1/recommendations');
  const [response] = await Promise.all([page.waitForResponse(isAnswer), action()]);
  await response.finished();
  await page.locator('#answer:not([aria-busy])').waitFor();
}

export const searchField = (page: Page): Locator => page.getByRole('combobox', { name: /^Search/ });

export const found = (page: Page): Locator =>
  page.getByRole('listbox', { name: 'Items found' }).getByRole('option');

/** Types into the search and takes the first item that is found. */
export const addBySearch = (page: Page, words: string): Promise<void> =>
  answering(page, async () => {
    await searchField(page).fill(words);
    await found(page).first().click();
  });

/** Rules of WCAG 2.2 A and AA and of good practice that the page breaks now, with the elements. */
export async function violations(page: Page): Promise<string[]> {
  await settled(page);
  await page.evaluate(axe);
  const results = (await page.evaluate('axe.run()')) as AxeResults;
  return results.violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`,
  );
}
