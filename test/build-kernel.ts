import { execFileSync } from 'node:child_process';

/** Vitest global set-up: the edge's kernel is compiled, never committed. */
export const setup = (): void => {
  execFileSync(process.execPath, ['edge/kernel/build.ts'], { stdio: 'inherit' });
};
