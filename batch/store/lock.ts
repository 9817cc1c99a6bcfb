import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Runs `action` while no other process, and nobody else in this one, holds the lock on `file`. The lock is the kernel's
 * (SQLite takes it on its database file), so it ends with its holder however that dies: nothing is ever stale.
 * @throws Error after `timeout` ms without the lock
 */
export async function withLock<T>(file: string, action: () => Promise<T>, timeout = 60_000): Promise<T> {
  const { DatabaseSync } = sqlite();
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    const deadline = performance.now() + timeout;
    while (!tryLock(database)) {
      if (performance.now() > deadline) throw new Error(`another process has held ${file} for ${timeout} ms`);
      await sleep(1 + Math.random() * 9);
    }
    return await action();
  } finally {
    database.close();
  }
}

const sqliteBusy = 5;

function tryLock(database: { exec(sql: string): void }): boolean {
  try {
    database.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if ((error as { errcode?: number }).errcode === sqliteBusy) return false;
    throw error;
  }
}

/** node:sqlite, without the notice that it is young: the runtime is pinned, and only its lock is used. */
function sqlite(): typeof import('node:sqlite') {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return process.getBuiltinModule('node:sqlite');
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** Does the actions of one process one after another, in the order in which they were asked for. */
export function turns(): <T>(action: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (action) => {
    const turn = last.then(action);
    last = turn.catch(() => undefined);
    return turn;
  };
}
