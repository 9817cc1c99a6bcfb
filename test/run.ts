import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';

/**
 * `npm test`: type check, lint, then every test. Ends with one line of counts; the exit status is 0 only when nothing
 * failed. Arguments go to vitest (`npm test -- test/batch`).
 */
const root = path.resolve(import.meta.dirname, '..');
const report = path.join(root, '.cache', 'vitest.json');
const bin = (name: string): string => path.join(root, 'node_modules', name);

const counts = { passed: 0, failed: 0, skipped: 0 };

function check(title: string, script: string, args: readonly string[]): boolean {
  const started = performance.now();
  const { status } = spawnSync(process.execPath, [script, ...args], { cwd: root, stdio: 'inherit' });
  const ok = status === 0;
  console.log(`${ok ? '✓' : '✗'} ${title} (${((performance.now() - started) / 1_000).toFixed(1)} s)`);
  return ok;
}

function count(ok: boolean): void {
  if (ok) counts.passed += 1;
  else counts.failed += 1;
}

const projects = ['shared', 'batch', 'edge', 'edge/site', 'test', 'test/workerd'];
for (const project of projects)
  count(check(`types of ${project}`, bin('typescript/bin/tsc'), ['-p', project]));
count(check('lint', bin('@biomejs/biome/bin/biome'), ['check', '--error-on-warnings', '.']));

mkdirSync(path.dirname(report), { recursive: true });
rmSync(report, { force: true });
const ran = check('tests', bin('vitest/vitest.mjs'), [
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
  ...process.argv.slice(2),
]);
try {
  const results = JSON.parse(readFileSync(report, 'utf8')) as Record<string, number>;
  counts.passed += results['numPassedTests'] ?? 0;
  counts.failed += results['numFailedTests'] ?? 0;
  counts.skipped += (results['numPendingTests'] ?? 0) + (results['numTodoTests'] ?? 0);
  // A file that cannot be loaded, or an error outside any test, fails the run without failing a test.
  if (!ran && (results['numFailedTests'] ?? 0) === 0) counts.failed += 1;
} catch {
  counts.failed += 1;
}

console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
