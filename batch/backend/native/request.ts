import { BackendError } from '../../../shared/errors.ts';

/** Without a byte for so long, a connection counts as lost. */
const silence = 60_000;

/** An address without what may be secret in it. */
export function shown(url: string | URL): string {
  const address = new URL(url);
  address.username = '';
  address.password = '';
  address.search = '';
  address.hash = '';
  return address.href;
}

/**
 * GET; a name and password in the address become a header, as fetch demands.
 * @throws BackendError when no answer comes, saying of where
 */
export async function request(
  url: string | URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Response> {
  const address = new URL(url);
  const { username, password } = address;
  address.username = '';
  address.password = '';
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const authorization = username
    ? { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }
    : {};
  const connecting = new AbortController();
  const timer = setTimeout(() => connecting.abort(new Error(`no answer in ${silence / 1e3} s`)), silence);
  try {
    return await fetch(address, {
      headers: { ...headers, ...authorization },
      signal: AbortSignal.any([signal, connecting.signal]),
    });
  } catch (cause) {
    signal.throwIfAborted();
    throw new BackendError(
      `Expected ${shown(url)} to answer, found ${reason(cause)}. Is there a network? Behind a proxy set NODE_USE_ENV_PROXY=1; ` +
        'a private certificate goes into NODE_EXTRA_CA_CERTS; another package index into PIP_INDEX_URL.',
      { cause },
    );
  } finally {
    clearTimeout(timer);
  }
}

/** The innermost reason that an error gives; fetch hides it. */
export function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : reason(error.cause);
}
