import path from 'node:path';
import { ConfigError } from '../../shared/errors.ts';
import { openDirectory } from './directory.ts';
import { openS3 } from './s3.ts';
import { parseS3Address, type StoreEnvironment } from './s3-client.ts';
import type { Store } from './store.ts';

export type { StoreEnvironment } from './s3-client.ts';
export type { ByteRange, Condition, ListedObject, Store, StoredObject } from './store.ts';

/** Where an address is read from: relative directories start at `baseDirectory`. */
export interface StoreContext {
  readonly baseDirectory: string;
  readonly environment: StoreEnvironment;
}

/**
 * Opens the store at `address`: a directory, which the first write creates, or `s3://bucket/prefix`. Nothing is
 * contacted yet.
 * @throws ConfigError when the address is neither
 */
export function openStore(address: string, { baseDirectory, environment }: StoreContext): Store {
  if (address.startsWith('s3://')) return openS3(parseS3Address(address), environment);
  if (/^[a-z][a-z0-9+.-]+:/i.test(address) || address.trim() === '')
    throw new ConfigError(`Store '${address}': expected a directory or s3://bucket/prefix.`);
  return openDirectory(path.resolve(baseDirectory, address), `directory ${address}`);
}
