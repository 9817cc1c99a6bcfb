import path from 'node:path';
import { findChromium, launch } from './browser.ts';
import { addBySearch, answering, openDemo } from './demo-page.ts';

/**
 * Takes the README's picture of the demo page, from a worker that serves the embedded data set:
 *
 *     node test/browser/screenshot.ts http://127.0.0.1:8787
 */
const [address] = process.argv.slice(2);
const { executablePath } = findChromium();
if (address === undefined || executablePath === undefined) {
  console.error('expected the address of a running demo page, and a Chromium');
  process.exit(2);
}
const file = path.resolve(import.meta.dirname, '../../docs/images/demo.png');
const browser = await launch(executablePath);
try {
  await using demo = await openDemo(browser, address, {
    viewport: { width: 1440, height: 860 },
    deviceScaleFactor: 0.8,
    reducedMotion: 'reduce',
  });
  const { page } = demo;
  await addBySearch(page, 'regency cakestand');
  await addBySearch(page, 'roses regency teacup');
  // The times that the page shows are of many answers.
  for (let swaps = 0; swaps < 20; swaps++) {
    await answering(page, () =>
      page
        .getByRole('button', { name: /^Make .* older/ })
        .first()
        .click(),
    );
  }
  await addBySearch(page, 'white hanging heart');
  await addBySearch(page, 'jam making set with jars');
  await page.evaluate(() => (document.activeElement as HTMLElement).blur());
  await page.mouse.move(0, 0);
  await page.locator('[aria-busy=true]').waitFor({ state: 'detached' });
  await page.screenshot({ path: file });
  console.log(file);
} finally {
  await browser.close();
}
