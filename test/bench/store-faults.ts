import { setTimeout as sleep } from 'node:timers/promises';
import { ListMultipartUploadsCommand, ListPartsCommand } from '@aws-sdk/client-s3';
import { readChannel, servingRelease } from '../../batch/release/channel.ts';
import { listReleases } from '../../batch/release/list.ts';
import { publish } from '../../batch/release/publish.ts';
import { rollback } from '../../batch/release/rollback.ts';
import { verifyRelease } from '../../batch/release/verify.ts';
import type { Store } from '../../batch/store/index.ts';
import { openS3 } from '../../batch/store/s3.ts';
import { createClient, parseS3Address } from '../../batch/store/s3-client.ts';
import { PerigeeError } from '../../shared/errors.ts';
import { manifestFile, releaseKey, releasePrefix } from '../../shared/release.ts';
import { type Fault, startFaultyProxy } from '../fixtures/faulty-proxy.ts';
import { generator } from '../fixtures/random.ts';
import { type FixtureRelease, fixtureRelease } from '../fixtures/release.ts';
import { findVersitygw, type S3Server, startVersitygw } from '../fixtures/versitygw.ts';

const channel = 'production';
/** The smallest that S3 allows, so that the releases' tables go in parts. */
const partBytes = 5 * 1024 * 1024;
const idleTimeout = 400;
const faultShare = 0.3;
const shops = 4;

export interface StoreFaults {
  /** Faults that happened, by kind. */
  readonly faults: Readonly<Record<string, number>>;
  readonly publications: number;
  readonly rollbacks: number;
  readonly reads: number;
  /** Looks at the store past the faults while it was written, at every object there. */
  readonly looks: number;
  /** Operations that ended in an error after all their repetitions. */
  readonly refused: number;
  /** What must never be: a sentence each. */
  readonly violations: readonly string[];
  /** Of uploads that failed. */
  readonly orphanedParts: number;
  readonly seconds: number;
}

/**
 * Publishes, reads and rolls back releases in a real S3 server over a connection on which three requests in ten fail,
 * until so many faults have happened. After each step the store is read past the faults: what serves must be the release
 * that served before or, and always when the step said so, the new one, with every checksum right.
 */
export async function storeFaults(program: string, count: number, seed = 1): Promise<StoreFaults> {
  const releases: FixtureRelease[] = [];
  for (const each of [1, 2, 3])
    releases.push(await fixtureRelease({ items: 40_000, dimensions: 160, seed: each, histories: 3 }));
  await using server = await startVersitygw(program);
  const random = generator(seed);
  await using proxy = await startFaultyProxy(server.port, ({ method, url }) =>
    random() < faultShare ? pick(faultsOf(method!, url!), random) : undefined,
  );
  const total = (): number => [...proxy.happened.values()].reduce((sum, n) => sum + n, 0);
  const tally: Tally = { publications: 0, rollbacks: 0, reads: 0, looks: 0, refused: 0, violations: [] };
  const started = performance.now();
  const shop = async (name: string): Promise<void> => {
    const address = parseS3Address(`s3://${server.bucket}/${name}`);
    const environment = { ...server.environment, AWS_ENDPOINT_URL: proxy.url };
    const store = openS3(address, environment, { partBytes, idleTimeout });
    const direct = openS3(address, server.environment, { partBytes });
    while (total() < count) await cycle({ store, direct, releases, random, tally });
  };
  await Promise.all(Array.from({ length: shops }, (_, i) => shop(`shop-${i}`)));
  return {
    faults: Object.fromEntries([...proxy.happened].sort()),
    ...tally,
    orphanedParts: await orphanedParts(server),
    seconds: Math.round((performance.now() - started) / 1_000),
  };
}

type Tally = {
  -readonly [K in 'publications' | 'rollbacks' | 'reads' | 'looks' | 'refused']: StoreFaults[K];
} & {
  readonly violations: string[];
};

interface Shop {
  readonly store: Store;
  /** The same store, past the faults. */
  readonly direct: Store;
  readonly releases: readonly FixtureRelease[];
  readonly random: () => number;
  readonly tally: Tally;
}

/** What can befall a request. Answers to GET alone have a checksum to tell a flipped bit by; lists need TLS for that. */
function faultsOf(method: string, url: string): Fault[] {
  const any: Fault[] = [
    'refuse',
    'lose',
    'stall',
    { status: 500, code: 'InternalError' },
    { status: 503, code: 'SlowDown' },
  ];
  if (method === 'PUT') return [...any, 'garble'];
  if (method !== 'GET') return any;
  return url.includes('list-type=') ? [...any, 'cut', 'hang'] : [...any, 'cut', 'hang', 'corrupt'];
}

const pick = <T>(choices: readonly T[], random: () => number): T =>
  choices[Math.floor(random() * choices.length)]!;

const serving = async (store: Store): Promise<string | undefined> => {
  const version = await readChannel(store, channel);
  return version && servingRelease(version.channel);
};

async function cycle(shop: Shop): Promise<void> {
  const { store, direct, releases, random, tally } = shop;
  const before = await serving(direct);
  const next = pick(
    releases.filter(({ releaseId }) => releaseId !== before),
    random,
  );
  if (random() < 0.7) await drop(direct, next.releaseId);
  tally.publications++;
  await step(shop, next.releaseId, () => publish(store, { ...next, channel }));
  await readServing(shop);
  const back = (await readChannel(direct, channel))?.channel.previous[0]?.releaseId;
  if (back === undefined || random() < 0.5) return;
  tally.rollbacks++;
  await step(shop, back, () => rollback(store, channel));
}

/** Does what shall make a release serve, and checks what came of it. */
async function step(shop: Shop, releaseId: string, action: () => Promise<unknown>): Promise<void> {
  const { direct, tally } = shop;
  const before = await serving(direct);
  let done = false;
  const watching = watch(shop, () => done);
  const succeeded = await refusable(tally, action);
  done = true;
  await watching;
  const now = await serving(direct);
  if (now !== releaseId && (succeeded || now !== before))
    tally.violations.push(
      `${now} serves; before: ${before}, ${succeeded ? 'moved' : 'tried'} to ${releaseId}`,
    );
  const whole = (await listReleases(direct)).filter(({ manifest }) => manifest !== undefined);
  // A release that was dropped in part by `drop` has lost its manifest first.
  for (const id of new Set([...whole.map((release) => release.releaseId), ...(now ? [now] : [])]))
    tally.violations.push(...(await verifyRelease(direct, id)).faults.map((fault) => `${id}: ${fault}`));
}

/** Whether it succeeded. Any error but the store's and the release's own is a fault of this program. */
async function refusable(tally: Tally, action: () => Promise<unknown>): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (error) {
    if (!(error instanceof PerigeeError)) throw error;
    tally.refused++;
    return false;
  }
}

/** Looks at all objects again and again: each is as long as its release says, from the first moment. */
async function watch({ direct, releases, tally }: Shop, done: () => boolean): Promise<void> {
  const lengths = new Map(
    releases.flatMap(({ releaseId, files, manifest }) =>
      Object.keys(manifest.files).map((file) => [releaseKey(releaseId, file), files.get(file)!.length]),
    ),
  );
  for (; !done(); await sleep(20)) {
    for await (const { key, bytes } of direct.list('releases/')) {
      const expected = lengths.get(key) ?? bytes;
      if (bytes !== expected) tally.violations.push(`${key} is visible with ${bytes} of ${expected} bytes`);
    }
    tally.looks++;
  }
}

/** Reads what serves as the edge does, over the bad connection. */
async function readServing({ store, direct, releases, tally }: Shop): Promise<void> {
  const releaseId = await serving(direct);
  const release = releases.find((candidate) => candidate.releaseId === releaseId);
  if (release === undefined) return;
  for (const file of Object.keys(release.manifest.files)) {
    tally.reads++;
    await refusable(tally, async () => {
      const found = await store.get(releaseKey(release.releaseId, file));
      if (found === undefined || Buffer.compare(found.body, release.files.get(file)!) !== 0)
        tally.violations.push(`${release.releaseId}/${file} was read as something else`);
    });
  }
}

/** As prune does, so that publishing has all to write again. */
async function drop(direct: Store, releaseId: string): Promise<void> {
  await direct.delete(releaseKey(releaseId, manifestFile));
  for await (const { key } of direct.list(releasePrefix(releaseId))) await direct.delete(key);
}

async function orphanedParts({ bucket, environment }: S3Server): Promise<number> {
  const client = createClient(environment, 5_000);
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  let parts = 0;
  for (const { Key, UploadId } of Uploads)
    parts += (await client.send(new ListPartsCommand({ Bucket: bucket, Key, UploadId }))).Parts?.length ?? 0;
  return parts;
}

export const bench = async (): Promise<void> => {
  const { executable, reason } = await findVersitygw();
  if (executable === undefined) return console.log(reason);
  const { faults, violations, ...counts } = await storeFaults(executable, 1_000);
  console.log('Store: publications, reads and rollbacks over a connection with 1,000 faults');
  console.table(faults);
  console.table({ ...counts, violations: violations.length });
  if (violations.length > 0) throw new Error(violations.join('\n'));
};

if (import.meta.main) await bench();
