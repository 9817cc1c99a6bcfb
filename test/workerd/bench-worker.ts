import worker, { type Bindings } from '../../edge/worker.ts';

/**
 * The worker, and beside it `POST /bench?requests=…`, which answers the posted body as so many requests, one after
 * another, inside the isolate, so that one HTTP exchange counts for all of them.
 */
export default {
  async fetch(request, bindings, context) {
    const url = new URL(request.url);
    if (url.pathname !== '/bench') return worker.fetch(request, bindings, context);
    const body = await request.text();
    for (let i = Number(url.searchParams.get('requests')); i > 0; i--) {
      const inner = new Request<unknown, IncomingRequestCfProperties>(new URL('/v1/recommendations', url), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      const response = await worker.fetch(inner, bindings, context);
      if (!response.ok) return response;
      await response.text();
    }
    return new Response('done');
  },
} satisfies ExportedHandler<Bindings>;
