import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderBenchmark } from '../../batch/benchmark/page.ts';
import { renderReport } from '../../batch/evaluate/report.ts';
import { reportInput } from '../batch/evaluate/report-input.ts';
import { benchmarkResult } from '../fixtures/benchmark.ts';
import { findChromium, launch } from './browser.ts';

const { executablePath, reason } = findChromium();
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const screens = [
  { name: 'desktop', width: 1280, height: 900, colorScheme: 'light' },
  { name: 'desktop, dark', width: 1280, height: 900, colorScheme: 'dark' },
  { name: 'phone', width: 390, height: 844, colorScheme: 'light' },
  { name: 'small phone, dark', width: 320, height: 640, colorScheme: 'dark' },
] as const;

describe.skipIf(executablePath === undefined)(
  `the pages of a run in a browser${reason ? ` (${reason})` : ''}`,
  () => {
    let browser: Browser;
    const pages = new Map<string, string>();

    beforeAll(async () => {
      pages.set('report', renderReport(await reportInput()));
      pages.set('benchmark', renderBenchmark(benchmarkResult));
      browser = await launch(executablePath!);
    });
    afterAll(() => browser?.close());

    /** A page on a screen, every fold open; `complaints` gathers what the console says and what is requested. */
    async function open(
      screen: (typeof screens)[number],
      name = 'report',
    ): Promise<{ page: Page; complaints: string[] }> {
      const { width, height, colorScheme } = screen;
      const page = await browser.newPage({ viewport: { width, height }, colorScheme });
      const complaints: string[] = [];
      page.on('console', (message) => complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('dialog', (dialog) => complaints.push(dialog.message()));
      await page.route('**', (route) => {
        if (route.request().url() === 'http://report.test/') {
          return route.fulfill({ contentType: 'text/html; charset=utf-8', body: pages.get(name)! });
        }
        complaints.push(route.request().url());
        return route.abort();
      });
      await page.goto('http://report.test/');
      await page.$$eval('details', (all) => {
        for (const details of all) details.open = true;
      });
      return { page, complaints };
    }

    it.each(screens.flatMap((screen) => ['report', 'benchmark'].map((of) => ({ ...screen, of }))))(
      '$of, $name: no error, no request, no horizontal scrolling, nothing that axe objects to',
      async ({ of, ...screen }) => {
        const { page, complaints } = await open(screen, of);
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(screen.width);
        expect(complaints).toEqual([]);
        // Evaluated by the debugger, so the page's own policy against scripts stays in force.
        await page.evaluate(axe);
        const violations = await page.evaluate(async () => {
          const { axe: engine } = window as unknown as {
            axe: { run(): Promise<{ violations: Violation[] }> };
          };
          interface Violation {
            readonly id: string;
            readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
          }
          const { violations: found } = await engine.run();
          return found.map(({ id, nodes }) => `${id}: ${nodes[0]!.html} ${nodes[0]!.failureSummary}`);
        });
        expect(violations).toEqual([]);
        await page.close();
      },
    );

    it('prints in ink on paper even where the screen is dark', async () => {
      const { page } = await open(screens[1]);
      await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
      const [ink, paper] = await page.evaluate(() => {
        const { color, backgroundColor } = getComputedStyle(document.body);
        return [color, backgroundColor];
      });
      expect([ink, paper]).toEqual(['rgb(21, 41, 43)', 'rgb(255, 255, 255)']);
      await page.close();
    });

    it('is walked through by keyboard: skip link, sections, scrolling tables', async () => {
      const { page } = await open(screens[2]);
      const focused = () => page.evaluate(() => document.activeElement!.textContent!.trim().slice(0, 30));
      await page.keyboard.press('Tab');
      expect(await focused()).toBe('Skip to the results');
      await page.keyboard.press('Tab');
      expect(await focused()).toBe('Models');
      await page.keyboard.press('Enter');
      expect(page.url()).toContain('#models');
      await page.close();
    });
  },
);
