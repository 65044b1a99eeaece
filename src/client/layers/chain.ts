import type { HttpRequest } from '../../http/http-request.js';
import type { Circuit } from '../../retry/request-retry.strategy.js';
import type { ResolvedService } from '../resolved-service.js';
import { authLayer } from './auth.layer.js';
import type { Hooks } from './hooks.layer.js';
import { type Next, over } from './layer.js';
import { logLayer } from './log.layer.js';
import { redirectLayer } from './redirect.layer.js';
import { retryLayer } from './retry.layer.js';
import { sendLayer } from './send.layer.js';

/** Layers of a service's calls, listed from the wire up: the last one is the outermost. */
export function chainOf(service: ResolvedService, hooks: Hooks | undefined, circuit: Circuit | undefined): Next {
  const { retry: strategy, logging, logger, clock, transport } = service;
  const wire: Next<HttpRequest> = (request) => transport.send(request);
  const sent = over(sendLayer(service), wire);
  const logged = over(logging && logLayer(logging, logger, clock), sent);
  const authenticated = over(authLayer(service), logged);
  const redirected = over(redirectLayer, authenticated);
  const retried = over(strategy && retryLayer({ ...service, strategy, circuit }), redirected);
  return over(hooks?.layer, retried);
}
