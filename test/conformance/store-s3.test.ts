import { afterAll, beforeAll, describe } from 'vitest';
import { findVersitygw, type S3Server, startVersitygw } from '../fixtures/versitygw.ts';
import { storeConformance } from './store.ts';

const { executable, reason } = await findVersitygw();

describe.skipIf(executable === undefined)(`against a real S3 server${reason ? ` (${reason})` : ''}`, () => {
  let server: S3Server;
  let opened = 0;
  beforeAll(async () => {
    server = await startVersitygw(executable!);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  storeConformance('s3', async () => ({
    address: `s3://${server.bucket}/store/${opened++}`,
    environment: server.environment,
  }));
});
