import { S3Client } from '@aws-sdk/client-s3';
import { ConfigError } from '../../shared/errors.ts';

/** Environment variables by name. Passed in, so that one place only reads the process's own. */
export type StoreEnvironment = Readonly<Record<string, string | undefined>>;

export interface S3Address {
  readonly bucket: string;
  /** '' or ending in `/`. */
  readonly prefix: string;
}

/** Reads `s3://bucket` or `s3://bucket/prefix`. @throws ConfigError */
export function parseS3Address(address: string): S3Address {
  const [, bucket, folders = ''] =
    /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/|((?:\/[^/]+)+)\/?)?$/.exec(address) ?? [];
  if (bucket === undefined)
    throw new ConfigError(`'${withoutUser(address)}': expected s3://bucket or s3://bucket/prefix.`);
  return { bucket, prefix: folders === '' ? '' : `${folders.slice(1)}/` };
}

/** A store in S3 and how it is reached. */
export interface Place {
  readonly client: S3Client;
  readonly bucket: string;
  /** '' or ending in `/`. */
  readonly prefix: string;
  readonly description: string;
  /** Objects of more bytes than this are moved in parts of this size. */
  readonly partBytes: number;
}

/** What each request for a key names. */
export const target = ({ bucket, prefix }: Place, key: string) => ({ Bucket: bucket, Key: prefix + key });

/** How long a connection may take, and a transfer may stand still, ms. */
const connectionTimeout = 5_000;
export const defaultIdleTimeout = 30_000;

/**
 * A client as the environment describes it: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL (R2, MinIO …; addressed by path),
 * AWS_REGION, AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. What is missing comes from the SDK's
 * own chain: profiles, single sign-on, container and instance roles.
 * @throws ConfigError when the endpoint is no http(s) address
 */
export function createClient(environment: StoreEnvironment, idleTimeout: number): S3Client {
  const endpoint = environment['AWS_ENDPOINT_URL_S3'] || environment['AWS_ENDPOINT_URL'];
  if (endpoint !== undefined && !/^https?:$/.test(URL.parse(endpoint)?.protocol ?? ''))
    throw new ConfigError(`AWS_ENDPOINT_URL: expected http(s)://host, found '${withoutUser(endpoint)}'.`);
  // Other stores ignore the region; R2 takes us-east-1 for its own `auto`.
  const region =
    environment['AWS_REGION'] || environment['AWS_DEFAULT_REGION'] || (endpoint ? 'us-east-1' : undefined);
  const credentials = credentialsOf(environment);
  return new S3Client({
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
    maxAttempts: 5,
    requestHandler: { connectionTimeout, socketTimeout: idleTimeout },
  });
}

function credentialsOf(environment: StoreEnvironment) {
  const accessKeyId = environment['AWS_ACCESS_KEY_ID'];
  const secretAccessKey = environment['AWS_SECRET_ACCESS_KEY'];
  if (!accessKeyId || !secretAccessKey || environment['AWS_PROFILE']) return undefined;
  const sessionToken = environment['AWS_SESSION_TOKEN'];
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
}

const withoutUser = (address: string): string => address.replace(/\/\/[^/@]*@/, '//');
