import { ConfigurationError } from '../errors.js';

/** An error from deep inside knows the option, not the service. */
export function withServiceName(error: unknown, name: string): unknown {
  if (!(error instanceof ConfigurationError) || error.serviceName !== undefined) return error;
  const named = error.message.includes(`"${name}"`) ? error.message : `Service "${name}": ${error.message}`;
  return new ConfigurationError(named, {
    serviceName: name,
    ...(error.cause === undefined ? undefined : { cause: error.cause }),
  });
}
