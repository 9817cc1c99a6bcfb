import { limits } from '../shared/api.ts';
import { badRequest, timedOut, tooLarge, unsupportedMediaType } from './problems.ts';

/** Milliseconds in which a body must have arrived. */
const timeout = 10_000;

/**
 * Reads a JSON body, counting as it arrives.
 * @throws HttpProblem 400, 408, 413 or 415
 */
export async function readJson(request: Request): Promise<unknown> {
  const type = request.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type !== 'application/json' && !/^application\/[\w.-]+\+json$/.test(type)) {
    throw unsupportedMediaType(
      `expected content-type application/json, found ${type === '' ? 'none' : type}`,
    );
  }
  const encoding = request.headers.get('content-encoding') ?? 'identity';
  if (encoding !== 'identity') {
    throw unsupportedMediaType(`expected no content-encoding, found ${encoding}`);
  }
  const text = await readText(request);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badRequest(`expected JSON: ${(error as Error).message}`);
  }
}

async function readText(request: Request): Promise<string> {
  const declared = Number(request.headers.get('content-length') ?? 0);
  if (declared > limits.bodyBytes) throw tooMuch();
  const reader = request.body?.getReader();
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  const late = deadline();
  let text = '';
  let length = 0;
  try {
    for (;;) {
      const chunk = await Promise.race([reader?.read(), late.passed]);
      if (chunk === undefined || chunk.done) break;
      length += chunk.value.length;
      if (length > limits.bodyBytes) throw tooMuch();
      text += decode(decoder, chunk.value);
    }
    return text + decode(decoder);
  } catch (error) {
    void reader?.cancel().catch(() => undefined); // The client is told about the error, not about its own stream.
    throw error;
  } finally {
    late.clear();
  }
}

const tooMuch = () => tooLarge(`expected a body of at most ${limits.bodyBytes} bytes`);

function decode(decoder: TextDecoder, chunk?: Uint8Array): string {
  try {
    return decoder.decode(chunk, { stream: chunk !== undefined });
  } catch {
    throw badRequest('expected a body in UTF-8');
  }
}

function deadline(): { readonly passed: Promise<never>; clear(): void } {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(timedOut(`expected the body within ${timeout / 1_000} s`)), timeout);
  return { passed: promise, clear: () => clearTimeout(timer) };
}
