import type { Clock } from '../clock.js';
import type { ForgeLogger } from '../diagnostics.js';
import { ForgeAuthError } from '../errors.js';
import { redactUrl } from '../redact.js';
import type { Send } from './auth.interceptor.js';

/** One line for each request that is sent: method, origin and path, status or error code, duration, attempt. */
export function logged(send: Send, logger: ForgeLogger, clock: Clock): Send {
  return async (request, call) => {
    const startedAt = clock.now();
    const line = (end: string): string =>
      `${request.method} ${redactUrl(request.url)} ${end} in ${clock.now() - startedAt} ms (attempt ${call.attempts})`;
    try {
      const response = await send(request, call);
      logger.log(line(String(response.status)));
      return response;
    } catch (error) {
      logger.warn(line(error instanceof ForgeAuthError ? `failed (${error.code})` : 'was aborted'));
      throw error;
    }
  };
}
