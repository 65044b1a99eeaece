/**
 * Where this package's few log lines go. Nest's `Logger` fits as it is.
 *
 * A line never holds a token, a secret, a body or a query string.
 */
export interface ForgeLogger {
  debug?(message: string, ...details: unknown[]): void;
  log(message: string, ...details: unknown[]): void;
  warn(message: string, ...details: unknown[]): void;
  error(message: string, ...details: unknown[]): void;
}

const nothing = (): void => undefined;

/** A logger that says nothing: the default outside Nest. */
export const silentLogger: ForgeLogger = Object.freeze({ debug: nothing, log: nothing, warn: nothing, error: nothing });
