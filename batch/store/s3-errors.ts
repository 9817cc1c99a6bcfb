/** What an S3 server's refusals, and the network's, mean. */

interface Failure {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly attempts?: number };
}

const nameOf = (error: unknown): string => (error as Failure).name;
const statusOf = (error: unknown): number | undefined => (error as Failure).$metadata?.httpStatusCode;

/** No such object. A HEAD has no body, so there a missing bucket looks the same. */
export const isAbsence = (error: unknown): boolean => ['NoSuchKey', 'NotFound'].includes(nameOf(error));

/** The range starts past the object's end. */
export const isRangeFault = (error: unknown): boolean => nameOf(error) === 'InvalidRange';

/** Two conditional writes met; S3 asks for another attempt. */
export const isConflict = (error: unknown): boolean => nameOf(error) === 'ConditionalRequestConflict';

/** The condition of a write does not hold. */
export const isLoss = (error: unknown): boolean =>
  statusOf(error) === 412 || isConflict(error) || nameOf(error) === 'NoSuchKey';

/** The object is no longer the version that was asked for. */
export const isChange = (error: unknown): boolean => statusOf(error) === 412;

/** There is no such multipart upload: completed or aborted, here or by somebody else. */
export const isAbsentUpload = (error: unknown): boolean => nameOf(error) === 'NoSuchUpload';

/** What the server received does not have its checksum: it has not acted on it. */
export const isCorruption = (error: unknown): boolean =>
  ['BadDigest', 'InvalidDigest', 'XAmzContentSHA256Mismatch', 'XAmzContentChecksumMismatch'].includes(
    nameOf(error),
  );

/** Whether an earlier attempt of this request may have reached the server unheard. */
export const isAmbiguous = (error: unknown): boolean => ((error as Failure).$metadata?.attempts ?? 1) > 1;

/** The connection broke or stood still, or what came over it does not have its checksum. */
export const isTransfer = (error: unknown): boolean =>
  nameOf(error) === 'TimeoutError' ||
  ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ERR_STREAM_PREMATURE_CLOSE'].includes(
    (error as Failure).code ?? '',
  ) ||
  /^aborted$|^Checksum mismatch|^Connection lost/.test((error as Failure).message);

/** The error as a cause: a server may echo the whole request in its refusal, session token included, so that stays out. */
export function withoutSecrets(error: unknown): Error {
  const { name, message, code, stack, $metadata } = error as Failure;
  return Object.assign(new Error(message), { name, stack, code, status: $metadata?.httpStatusCode });
}

/** One clause for whoever set the store up. */
export function explain(error: unknown): string {
  const { name, message, code } = error as Failure;
  switch (name) {
    case 'NoSuchBucket':
      return 'there is no such bucket';
    case 'AccessDenied':
    case 'Forbidden':
    case '403':
      return 'access is denied';
    case 'CredentialsProviderError':
      return 'no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE';
    case 'Error':
      if (message === 'Region is missing') return 'no region: set AWS_REGION';
      return [code, message].filter(Boolean).join(': ');
    case 'PermanentRedirect':
    case 'AuthorizationHeaderMalformed':
      return `the bucket is in another region: set AWS_REGION (${message})`;
    case 'TimeoutError':
      return 'the server did not answer in time';
    default:
      return [name, code, message].filter(Boolean).join(': ');
  }
}
