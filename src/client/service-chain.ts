import { ConfigurationError, ForgeAuthError } from '../errors.js';
import type { HttpRequest } from '../http/http-request.js';
import { atOnce } from '../option-check/at-once.js';
import { hasMethods } from '../option-check/option-check.js';
import { declared } from '../option-check/own-options.js';
import { ownCause } from '../redaction/own-cause.js';
import type { Circuit, CircuitContext } from '../retry/request-retry.strategy.js';
import { authLayer } from './layers/auth.layer.js';
import type { Hooks } from './layers/hooks.layer.js';
import { type Next, over } from './layers/layer.js';
import { logLayer } from './layers/log.layer.js';
import { redirectLayer } from './layers/redirect.layer.js';
import { retryLayer } from './layers/retry.layer.js';
import { sendLayer } from './layers/send.layer.js';
import type { ResolvedService } from './resolved-service.js';

/** @throws {ConfigurationError} when the strategy has one, and it cannot be made */
export function circuitOf(service: ResolvedService, onState: CircuitContext['onState']): Circuit | undefined {
  const { name: serviceName, retry, clock, revealCauses: reveal } = service;
  const create = retry && declared(retry, 'createCircuit');
  if (create === undefined) return undefined;
  const what = `Service "${serviceName}": retry.createCircuit()`;
  try {
    const circuit = atOnce(create.call(retry, { serviceName, clock, onState }), what) as Circuit | undefined;
    if (circuit === undefined || hasMethods(circuit, 'admit')) return circuit;
  } catch (error) {
    if (error instanceof ForgeAuthError) throw error;
    const cause = ownCause(error, { reveal });
    throw new ConfigurationError(`${what} threw ${cause.summary}.`, { serviceName, cause });
  }
  throw new ConfigurationError(`${what} must return an object with a method admit().`, { serviceName });
}

/** The layers of a service, the outermost first. */
export function chainOf(service: ResolvedService, hooks: Hooks | undefined, circuit: Circuit | undefined): Next {
  const { retry: strategy, logging, logger, clock, transport } = service;
  const retry = strategy && retryLayer({ ...service, strategy, circuit });
  const log = logging && logLayer(logging, logger, clock);
  const wire: Next<HttpRequest> = (request) => transport.send(request);
  const sent = over(log, over(sendLayer(service), wire));
  return over(hooks?.layer, over(retry, over(redirectLayer, over(authLayer(service), sent))));
}
