import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { transform } from 'esbuild';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Served, serve } from '../../batch/serve.ts';
import { openStore } from '../../batch/store/index.ts';
import type { RecommendationRequest, RecommendationResponse } from '../../shared/api.ts';
import type { ItemAttributes } from '../../shared/catalogue.ts';
import { type FixtureRelease, fixtureRelease, writeRelease } from '../fixtures/release.ts';
import { findChromium, launch } from './browser.ts';
import {
  addBySearch,
  answering,
  type DemoPage,
  found,
  idsIn,
  openDemo,
  searchField,
  violations,
} from './demo-page.ts';

const attack = '<img src=x onerror="window.pwned = 1"><script>window.pwned = 1</script>';
const hostile = `${attack} \u202e hostile ${'long'.repeat(60)}`;

function attributes(row: number): ItemAttributes | undefined {
  if (row % 10 === 0) return undefined;
  if (row % 7 === 0) return { title: hostile, categories: [attack], url: 'javascript:window.pwned=1' };
  const things = ['LANTERN', 'MUG', 'BUNTING', 'CLOCK', 'DOORMAT'];
  return { title: `${['RED', 'GREEN', 'BLUE'][row % 3]} ${things[row % 5]} ${row}`, price: (row % 500) / 10 };
}

/** For what the page does a moment later; generous, as machines can be busy. */
const patience = { timeout: 60_000 };

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string')
    throw new Error(`expected a TCP port, found ${address}`);
  return address.port;
}

/** The real worker in workerd, over a store in this directory. Resolves when it has a release. */
const serveDirectory = (directory: string, port: number, signal: AbortSignal): Promise<Served> =>
  serve({
    store: openStore(directory, { baseDirectory: directory, environment: {} }),
    channel: 'production',
    port,
    signal,
    environment: process.env,
  });

const chromium = findChromium();

describe.skipIf(chromium.reason !== undefined)(`demo page ${chromium.reason ?? 'in Chromium'}`, () => {
  let release: FixtureRelease;
  let directory: string;
  let worker: Served;
  let browser: Browser;

  beforeAll(async () => {
    release = await fixtureRelease({ items: 500, attributes });
    directory = await mkdtemp(path.join(tmpdir(), 'perigee-site-'));
    await writeRelease(path.join(directory, 'store'), release);
    worker = await serveDirectory(
      path.join(directory, 'store'),
      await freePort(),
      AbortSignal.timeout(120_000),
    );
    browser = await launch(chromium.executablePath!);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await worker?.[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });

  const open = (options?: Parameters<typeof openDemo>[2], fragment = ''): Promise<DemoPage> =>
    openDemo(browser, `${worker.url}/${fragment}`, options);

  /** What the worker answers to somebody without a browser. */
  async function answerTo(history: RecommendationRequest['history']): Promise<string[]> {
    const response = await fetch(`${worker.url}/v1/recommendations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ history, limit: 12 }),
    });
    return ((await response.json()) as RecommendationResponse).items.map(({ itemId }) => itemId);
  }
  const purchases = (...itemIds: string[]) => itemIds.map((itemId) => ({ itemId, kind: 'purchase' }));

  it('shows the release, and popular items to a visitor of whom nothing is known', async () => {
    await using demo = await open();
    const { page } = demo;
    await page.getByRole('heading', { level: 1, name: release.manifest.name }).waitFor();
    expect(await page.locator('#release-facts').textContent()).toContain(release.releaseId);
    expect(await page.getByRole('row', { name: /fixture-embedding/ }).count()).toBe(1);
    expect(await page.locator('#notes').textContent()).toContain('fell back to popularity');
    expect(await idsIn(page, 'cards')).toEqual(await answerTo([]));
    expect((await idsIn(page, 'popular-list')).length).toBe(10);
    expect(await idsIn(page, 'popular-list')).toEqual((await idsIn(page, 'cards')).slice(0, 10));
    const { headers } = await fetch(worker.url);
    expect(headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; script-src 'self'; style-src 'self';/,
    );
    expect(demo.complaints).toEqual([]);
    expect([...demo.hosts]).toEqual([new URL(worker.url).host]);
  });

  it('serves a page that uses the typed client', async () => {
    const source = await readFile(path.resolve(import.meta.dirname, '../../edge/client.ts'), 'utf8');
    const { code } = await transform(source, { loader: 'ts' });
    await using demo = await open({ bypassCSP: true });
    const module = `data:text/javascript,${encodeURIComponent(code)}`;
    const items =
      await demo.page.evaluate(`import(${JSON.stringify(module)}).then(async ({ createClient }) => {
      const client = createClient({ url: location.origin });
      const request = { history: [{ itemId: 'item-0000011', kind: 'purchase' }], limit: 12 };
      return (await client.recommend(request)).items.map(({ itemId }) => itemId);
    })`);
    expect(items).toEqual(await answerTo(purchases('item-0000011')));
  });

  it('answers anew with every click, as the API does', async () => {
    await using demo = await open();
    const { page } = demo;
    await addBySearch(page, 'item-0000011');
    const first = await idsIn(page, 'cards');
    expect(first).toEqual(await answerTo(purchases('item-0000011')));
    expect(await page.locator('#cards .source').first().textContent()).toContain('model');

    await answering(page, () => page.locator('#cards .cover').nth(2).click());
    const second = await idsIn(page, 'cards');
    expect(second).toEqual(await answerTo(purchases('item-0000011', first[2]!)));
    expect(second).not.toContain(first[2]);
    expect(await idsIn(page, 'history-list')).toEqual([first[2], 'item-0000011']);
    expect(Number(await page.locator('#round-trip').textContent())).toBeGreaterThan(0);
    expect(await page.locator('#stage-list').textContent()).toMatch(/encode (< 1|[\d.]+) ms/);
    await expect
      .poll(() => page.getByRole('status').textContent(), patience)
      .toContain('12 recommendations in');

    await answering(page, () => page.locator('#popular-list .cover').first().click());
    expect((await idsIn(page, 'history-list')).length).toBe(3);
    expect(await page.locator('#popular-list .place').first().textContent()).toBe('in history');
    expect(demo.complaints).toEqual([]);
  });

  it('removes, reorders, weighs and clears events, and keeps them in its address', async () => {
    await using demo = await open({}, '#purchase=item-0000011&view=item-0000012&purchase=item-0000013');
    const { page } = demo;
    const [newest, middle, oldest] = ['item-0000013', 'item-0000012', 'item-0000011'];
    expect(await idsIn(page, 'history-list')).toEqual([newest, middle, oldest]);

    await answering(page, () => page.getByRole('button', { name: /^Make .* 13 older/ }).click());
    expect(await idsIn(page, 'history-list')).toEqual([middle, newest, oldest]);
    await answering(page, () =>
      page.getByRole('combobox', { name: /Kind of event for .* 12/ }).selectOption('purchase'),
    );
    await answering(page, () => page.getByRole('button', { name: /^Remove .* 11/ }).click());
    expect(await idsIn(page, 'cards')).toEqual(await answerTo(purchases(newest, middle)));

    await page.reload();
    await page.locator('#cards .cover').first().waitFor();
    expect(await idsIn(page, 'history-list')).toEqual([middle, newest]);

    await page.getByRole('radio', { name: /view/ }).check();
    await addBySearch(page, oldest);
    expect(page.url()).toContain(`#purchase=${newest}&purchase=${middle}&view=${oldest}`);
    await answering(page, () => page.getByRole('button', { name: 'Clear' }).click());
    expect(await idsIn(page, 'history-list')).toEqual([]);
    expect(await idsIn(page, 'cards')).toEqual(await answerTo([]));
    expect(demo.complaints).toEqual([]);
  });

  it('shows what is similar to an item, and fills an example history', async () => {
    await using demo = await open();
    const { page } = demo;
    await answering(page, () => page.getByRole('button', { name: 'Surprise me' }).click());
    expect((await idsIn(page, 'history-list')).length).toBe(4);
    const third = (await idsIn(page, 'cards'))[2]!;
    const answered = page.waitForResponse((response) => response.url().includes(`/${third}/similar`));
    await page
      .locator('#cards')
      .getByRole('button', { name: /^Similar to/ })
      .nth(2)
      .click();
    const { items } = (await (await answered).json()) as RecommendationResponse;
    await expect.poll(() => idsIn(page, 'similar-list'), patience).toEqual(items.map(({ itemId }) => itemId));
    expect(demo.complaints).toEqual([]);
  });

  it('says why when asked: the items of the history, each a way to it, and popularity', async () => {
    await using demo = await open({}, '#purchase=item-0000011&view=item-0000012&purchase=item-0000014');
    const { page } = demo;
    expect(await page.locator('.reasons').count()).toBe(0);
    const box = page.getByRole('checkbox', { name: 'Say why' });
    await box.focus();
    const asked = page.waitForResponse((response) => response.url().endsWith('/v1/recommendations'));
    await answering(page, () => page.keyboard.press('Space'));
    const { items } = (await (await asked).json()) as RecommendationResponse;
    expect(await page.locator('#curl').textContent()).toContain('"explain":true,"locale":"en"');
    expect(await page.locator('#stage-list').textContent()).toContain('explain');
    for (const [place, { reasons = [] }] of items.entries()) {
      const rows = page.locator('#cards > li').nth(place).locator('.reason');
      const found = await rows.evaluateAll((buttons) =>
        buttons.map((button) => button.getAttribute('title')),
      );
      const titles = await page
        .locator('#history-list > li')
        .evaluateAll((entries) =>
          Object.fromEntries(
            entries.map((entry) => [
              (entry as HTMLElement).dataset['item'],
              entry.querySelector('.cover')?.getAttribute('title'),
            ]),
          ),
        );
      expect(found).toEqual(reasons.map((reason) => reason.kind === 'item' && titles[reason.itemId]));
    }
    expect(items.some(({ reasons = [] }) => reasons.length > 1)).toBe(true);
    expect(await violations(page)).toEqual([]);

    const reason = page.locator('#cards .reason').first();
    const wanted = await reason.getAttribute('title');
    await reason.focus();
    await page.keyboard.press('Enter');
    expect(await page.evaluate(() => document.activeElement?.closest('#history-list') !== null)).toBe(true);
    expect(await page.evaluate(() => document.activeElement?.getAttribute('title'))).toBe(wanted);

    await answering(page, () => page.getByRole('button', { name: 'Clear' }).click());
    expect(await page.locator('#cards .reasons').first().textContent()).toBe('Popular with everyone');
    await answering(page, () => box.uncheck());
    expect(await page.locator('.reasons').count()).toBe(0);
    expect(demo.complaints).toEqual([]);
  });

  it('works by keyboard alone', async () => {
    await using demo = await open();
    const { page } = demo;
    const { keyboard } = page;
    await keyboard.press('/');
    await keyboard.type('mug');
    await found(page).first().waitFor();
    await keyboard.press('ArrowDown');
    await keyboard.press('ArrowDown');
    const input = searchField(page);
    expect(await input.getAttribute('aria-activedescendant')).toBe(
      await page.locator('[role=option][aria-selected=true]').getAttribute('id'),
    );
    await answering(page, () => keyboard.press('Enter'));
    expect((await idsIn(page, 'history-list')).length).toBe(1);
    expect(await input.getAttribute('aria-expanded')).toBe('false');

    const focusIsIn = (list: string) =>
      page.evaluate((id) => document.activeElement?.closest('ol')?.id === id, list);
    const tabTo = async (list: string) => {
      for (let presses = 0; presses < 60 && !(await focusIsIn(list)); presses++) await keyboard.press('Tab');
      expect(await focusIsIn(list)).toBe(true);
    };
    await tabTo('cards');
    await answering(page, () => keyboard.press('Enter'));
    expect((await idsIn(page, 'history-list')).length).toBe(2);
    expect(await focusIsIn('cards')).toBe(true);

    const before = await idsIn(page, 'history-list');
    await keyboard.press('/');
    await tabTo('history-list');
    await answering(page, () => keyboard.press('Alt+ArrowDown'));
    expect(await idsIn(page, 'history-list')).toEqual(before.toReversed());
    await answering(page, () => keyboard.press('Delete'));
    expect(await idsIn(page, 'history-list')).toEqual([before[1]]);
    expect(await focusIsIn('history-list')).toBe(true);

    await keyboard.press('?');
    await page.getByRole('dialog').waitFor();
    await keyboard.press('Space');
    await page.getByRole('button', { name: 'Close' }).press('Enter');
    await keyboard.press('?');
    expect(await page.getByRole('dialog').count()).toBe(0);
    expect(demo.complaints).toEqual([]);
  });

  it('never lets an older answer replace a newer one', async () => {
    await using demo = await open();
    const { page } = demo;
    const held = Promise.withResolvers<void>();
    let requests = 0;
    await page.route('**/v1/recommendations', async (route) => {
      if (requests++ === 0) await held.promise;
      await route.continue().catch(() => undefined);
    });
    await searchField(page).fill('item-0000011');
    await found(page).first().click();
    await page.locator('#answer[aria-busy=true]').waitFor();
    await addBySearch(page, 'item-0000012');
    held.resolve();
    await page.waitForTimeout(300);
    expect(requests).toBe(2);
    expect(await idsIn(page, 'cards')).toEqual(await answerTo(purchases('item-0000011', 'item-0000012')));
    expect(demo.complaints).toEqual([]);
  });

  it('shows hostile titles as text', async () => {
    await using demo = await open();
    const { page } = demo;
    await searchField(page).fill('hostile');
    expect(await found(page).first().textContent()).toContain(attack);
    await answering(page, () => found(page).first().click());
    expect(await page.locator('#history-list').textContent()).toContain(attack);
    expect(await page.locator('#similar-to').textContent()).toContain(attack);
    expect(await page.evaluate(() => Reflect.get(window, 'pwned'))).toBeUndefined();
    expect(await page.locator('main img, main script, a[href^="javascript"]').count()).toBe(0);
    expect(demo.complaints).toEqual([]);
  });

  it('keeps the history when somebody skips to the recommendations', async () => {
    await using demo = await open({}, '#purchase=item-0000011');
    const { page } = demo;
    await page.locator('a.skip').focus();
    await page.keyboard.press('Enter');
    await page.waitForURL(/#purchase=item-0000011$/);
    expect(await idsIn(page, 'history-list')).toEqual(['item-0000011']);
  });

  it('reads the newest events of an endless link', async () => {
    const older = Array.from({ length: 300 }, (_, i) => `view=item-${String(i + 100).padStart(7, '0')}&`);
    await using demo = await open({}, `#${older.join('')}view=item-0000013`);
    const ids = await idsIn(demo.page, 'history-list');
    expect(ids).toHaveLength(200);
    expect(ids[0]).toBe('item-0000013');
  });

  it('reads an item of a link once, and passes over kinds that the release does not have', async () => {
    const link = '#purchase=item-0000011&rent=item-0000012&purchase=item-0000011&purchase=item-0000013';
    await using demo = await open({}, link);
    const { page } = demo;
    await page.waitForURL(/#item=item-0000012&purchase=item-0000011&purchase=item-0000013$/);
    await expect
      .poll(() => idsIn(page, 'cards'), patience)
      .toEqual(await answerTo([{ itemId: 'item-0000012' }, ...purchases('item-0000011', 'item-0000013')]));
    expect(await page.locator('.answer .problem').count()).toBe(0);
  });

  it('reports items that the release does not know', async () => {
    await using demo = await open({}, '#purchase=item-0000011&purchase=gone-from-the-shop');
    expect(await demo.page.locator('#notes').textContent()).toContain('gone-from-the-shop');
    expect(await demo.page.locator('#history-list').textContent()).toContain('not in this release');
    expect(await idsIn(demo.page, 'cards')).toEqual(await answerTo(purchases('item-0000011')));
  });

  it('says when it cannot reach the worker, and goes on by itself when it can', async () => {
    await using demo = await open();
    const { page } = demo;
    await page.context().setOffline(true);
    await page.locator('#cards .cover').first().click();
    const problem = page.locator('.answer .problem');
    await problem.waitFor();
    expect(await problem.textContent()).toContain('No connection');
    await expect.poll(() => page.getByRole('status').textContent(), patience).toContain('No connection');
    await answering(page, () => page.context().setOffline(false));
    expect(await problem.count()).toBe(0);
    expect((await idsIn(page, 'cards')).length).toBe(12);
  });

  it('tries again when asked', async () => {
    await using demo = await open();
    const { page } = demo;
    await page.route('**/v1/recommendations', (route) => route.abort());
    await page.locator('#cards .cover').first().click();
    const retry = page.locator('.answer').getByRole('button', { name: 'Try again' });
    await retry.focus();
    await Promise.all([page.waitForEvent('requestfailed'), page.keyboard.press('Enter')]);
    await page.unroute('**/v1/recommendations');
    await answering(page, () => retry.click());
    expect((await idsIn(page, 'cards')).length).toBe(12);
  });

  it('shows the worker’s own words when it has no release, and recovers by itself once there is one', async () => {
    const store = path.join(directory, 'empty');
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const serving = serveDirectory(store, port, AbortSignal.timeout(120_000));
    const isUp = () =>
      fetch(`${url}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      );
    await expect.poll(isUp, patience).toBe(true);

    await using demo = await openDemo(browser, url);
    const { page } = demo;
    const problem = page.locator('.answer .problem');
    expect(await problem.textContent()).toMatch(/release.*\(503\).*Trying again in \d+ s/);
    expect(await violations(page)).toEqual([]);

    await writeRelease(store, release);
    await using _worker = await serving;
    await page.locator('#cards .cover').first().waitFor();
    await page.locator('#popular-list .cover').first().waitFor();
    await page.getByRole('heading', { level: 1, name: release.manifest.name }).waitFor();
    expect(await page.locator('.problem').count()).toBe(0);
  });

  it.each([360, 390, 768])('has no horizontal scroll at a width of %d px', async (width) => {
    await using demo = await open(
      { viewport: { width, height: 800 } },
      '#purchase=item-0000011&purchase=item-0000014',
    );
    const { page } = demo;
    const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(await overflow()).toBe(0);
    await searchField(page).fill('hostile');
    await found(page).first().waitFor();
    expect(await overflow()).toBe(0);
    await page
      .getByRole('option')
      .first()
      .tap()
      .catch(() => found(page).first().click());
    expect(await overflow()).toBe(0);
  });

  it.each(['light', 'dark'] as const)('passes the accessibility rules in %s', async (colorScheme) => {
    await using demo = await open({ colorScheme, reducedMotion: 'reduce' });
    const { page } = demo;
    expect(await violations(page)).toEqual([]);
    await addBySearch(page, 'lantern');
    await addBySearch(page, 'clock');
    expect(await violations(page)).toEqual([]);
    await searchField(page).fill('mug');
    await found(page).first().waitFor();
    await page.keyboard.press('ArrowDown');
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await page.getByText('The request, as curl').click();
    expect(await page.locator('#curl').textContent()).toContain(`${worker.url}/v1/recommendations`);
    await page.getByRole('button', { name: 'Copy' }).click();
    await expect.poll(() => page.locator('#copied').textContent(), patience).toMatch(/Copied|Selected/);
    await page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
    expect(await violations(page)).toEqual([]);
    expect(demo.complaints).toEqual([]);
  });

  it('formats what the catalogue and the headers hold', async () => {
    await using demo = await open();
    // As text: the test runner would rewrite an import() in a function.
    const formatted = await demo.page.evaluate(`import('/format.js').then((format) => ({
      titles: ['SET OF 3 CAKE TINS', 'RED T-LIGHT CD HOLDER', 'Toy Story (1995)', 'X'].map(format.readableTitle),
      monograms: ['White Hanging Heart', 'A 3', '?!'].map(format.monogram),
      scores: [0, 1.5, 123.4, 0.0001, -2.25].map(format.score),
      shares: [format.shares([4, 2, 0]), format.shares([1, 0, -1]), format.shares([3])],
      stages: format.serverTiming('parse;dur=0.1, encode;desc="x";dur=2, cache'),
      curl: format.curl('http://a/b', { title: "it's" }),
    }))`);
    expect(formatted).toEqual({
      titles: ['Set of 3 Cake Tins', 'Red T-Light CD Holder', 'Toy Story (1995)', 'X'],
      monograms: ['WH', 'A3', '?'],
      scores: ['0.00', '1.50', '123', '1.0e-4', '-2.25'],
      shares: [[1, 0.5, 0], [1, 0.5, 0], [1]],
      stages: [
        { name: 'parse', ms: 0.1 },
        { name: 'encode', ms: 2 },
      ],
      curl: `curl -sS http://a/b \\\n  -H 'content-type: application/json' \\\n  -d '{"title":"it'\\''s"}'`,
    });
  });
});
