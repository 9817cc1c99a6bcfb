import { ConfigError } from '../shared/errors.ts';
import { createApp } from './app.ts';
import { parseVariables } from './environment.ts';
import { createKernel } from './kernel/kernel.ts';
import kernelModule from './kernel/kernel.wasm';
import { createReleaseMemory } from './kernel/memory.ts';
import { openEncoder, openRanker } from './onnx.ts';
import { internal } from './problems.ts';
import { createServing } from './serving.ts';
import { bucketSource, httpSource, type Source } from './source.ts';

/** The worker's bindings; wrangler.toml declares them. Besides these, the variables of environment.ts. */
export interface Bindings {
  readonly RELEASES?: R2Bucket;
  readonly RATE_LIMITER?: RateLimit;
}

type App = ReturnType<typeof createApp>;

function createWorker(bindings: Bindings): App {
  const variables = parseVariables(bindings);
  const memory = createReleaseMemory(variables.MEMORY_MIB * 1024 * 1024);
  const source = chooseSource(variables.RELEASE_ORIGIN, bindings.RELEASES);
  const limiter = bindings.RATE_LIMITER;
  return createApp({
    serving: createServing({
      loader: {
        source,
        memory,
        kernel: createKernel(kernelModule, memory.memory),
        openEncoder,
        openRanker,
        rankBudget: variables.RANK_BUDGET_MS,
      },
      channel: variables.CHANNEL,
      pollInterval: variables.POLL_SECONDS * 1_000,
    }),
    corsOrigins: variables.CORS_ORIGINS,
    cacheSeconds: variables.POLL_SECONDS,
    ...(limiter && { admit: (client: string) => admit(limiter, client) }),
  });
}

/** A limiter that fails lets everybody in: it guards the service, it is not the service. */
async function admit(limiter: RateLimit, key: string): Promise<boolean> {
  try {
    return (await limiter.limit({ key })).success;
  } catch (error) {
    console.error('rate limiter', error);
    return true;
  }
}

function chooseSource(origin: string, bucket: R2Bucket | undefined): Source {
  if (origin !== '') return httpSource(origin);
  if (bucket !== undefined) return bucketSource(bucket);
  throw new ConfigError('expected the binding RELEASES or the variable RELEASE_ORIGIN, found neither');
}

/** Everything that an isolate keeps between requests hangs on this one. */
let app: App | undefined;

/** Sets the app up at the first request, when bindings are known. */
export default {
  fetch(request, bindings, context) {
    try {
      app ??= createWorker(bindings);
    } catch (error) {
      console.error('configuration', error);
      return misconfigured(error);
    }
    return app.fetch(request, bindings, context);
  },
} satisfies ExportedHandler<Bindings>;

/** Names the variable or binding: whoever deploys sees it at the first request. */
function misconfigured(error: unknown): Response {
  const detail =
    error instanceof ConfigError ? error.message : 'the worker could not be set up; it was logged';
  const { problem } = internal(`configuration: ${detail}`);
  const headers = { 'content-type': 'application/problem+json', 'cache-control': 'no-store' };
  return Response.json(problem, { status: 500, headers });
}
