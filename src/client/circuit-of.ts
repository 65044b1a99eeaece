import { ConfigurationError, ForgeAuthError } from '../errors.js';
import { atOnce } from '../option-check/at-once.js';
import { hasMethods } from '../option-check/option-check.js';
import { declared } from '../option-check/own-options.js';
import { ownCause } from '../redaction/own-cause.js';
import type { Circuit, CircuitContext } from '../retry/request-retry.strategy.js';
import type { ResolvedService } from './resolved-service.js';

/**
 * Returns the circuit of a service's retry strategy; undefined where it has none.
 * @throws {ConfigurationError} when it cannot be made
 */
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
