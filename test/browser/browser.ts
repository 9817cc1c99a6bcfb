import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
const macApplications = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge',
];
const installCommand =
  process.platform === 'darwin'
    ? 'brew install --cask google-chrome'
    : 'sudo apt-get update && sudo apt-get install -y chromium';

const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** Where a Chromium or Chrome was found, or why browser tests are skipped: one sentence with the command that helps. */
export type Chromium =
  | { readonly executablePath: string; readonly reason?: never }
  | { readonly executablePath?: never; readonly reason: string };

/** Looks on PATH, in the usual folders of Linux, and among macOS's applications. Says so on stderr when there is none. */
export function findChromium(): Chromium {
  const folders = new Set([
    ...(process.env['PATH'] ?? '').split(path.delimiter),
    '/usr/bin',
    '/usr/local/bin',
    '/snap/bin',
  ]);
  const onPath = [...folders].flatMap((folder) => names.map((name) => path.join(folder, name)));
  const executablePath = [...onPath, ...macApplications].find(isExecutable);
  if (executablePath !== undefined) return { executablePath };
  const reason = `no Chromium or Chrome found; install one with: ${installCommand}`;
  console.warn(`\nSKIPPED browser tests: ${reason}\n`);
  return { reason };
}

/** Starts a headless browser that makes no request of its own; `--no-sandbox` because containers run as root. */
export const launch = (executablePath: string): Promise<Browser> =>
  chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
