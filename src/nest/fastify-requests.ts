/** The part of a Fastify application that is used here. */
interface FastifyApplication {
  addHook(name: 'onRequest', hook: (request: FastifyRequest, reply: unknown, done: () => void) => void): unknown;
}

interface FastifyRequest {
  readonly raw: object;
}

/** The part of Nest's HTTP adapters that is used here. */
interface HttpAdapter {
  getType(): string;
  getInstance(): unknown;
}

/**
 * Way from the request that a middleware sees to the one that guards and handlers see: of Fastify another one,
 * to which alone guards and plugins add what they know (`request.user`, `request.session`).
 */
export function handledRequests(adapter: HttpAdapter | undefined): (request: object) => unknown {
  if (adapter?.getType() !== 'fastify') return (request) => request;
  const requests = new WeakMap<object, FastifyRequest>();
  (adapter.getInstance() as FastifyApplication).addHook('onRequest', (request, _reply, done) => {
    requests.set(request.raw, request);
    done();
  });
  return (raw) => requests.get(raw) ?? raw;
}
