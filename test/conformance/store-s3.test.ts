import { afterAll, beforeAll, describe } from 'vitest';
import { findVersitygw, type S3Server, startVersitygw } from '../fixtures/versitygw.ts';
import { releaseConformance } from './release.ts';
import { type StoreAddress, storeConformance } from './store.ts';

const { executable, reason } = await findVersitygw();

describe.skipIf(executable === undefined)(`against a real S3 server${reason ? ` (${reason})` : ''}`, () => {
  let server: S3Server;
  let opened = 0;
  beforeAll(async () => {
    server = await startVersitygw(executable!);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const fresh = async (): Promise<StoreAddress> => ({
    address: `s3://${server.bucket}/store/${opened++}`,
    environment: server.environment,
  });
  storeConformance('s3', fresh);
  releaseConformance('s3', fresh);
});
