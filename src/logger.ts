import { isPromise } from 'node:util/types';

/**
 * Logger that this package's few log lines go to. Nest's `Logger` fits as it is.
 *
 * A line never holds a token, a secret, a body or a query string. It is a text but for `logging.asObject`, which makes
 * an object of it that reads as one.
 */
export interface ForgeLogger {
  /** Logs what explains a decision. A logger may do without. */
  debug?(message: unknown, ...details: unknown[]): void;
  /** Logs what is worth a line in normal times. */
  log(message: unknown, ...details: unknown[]): void;
  /** Logs what somebody should look at. */
  warn(message: unknown, ...details: unknown[]): void;
  /** Logs what needs somebody now. */
  error(message: unknown, ...details: unknown[]): void;
}

const nothing = (): void => undefined;

/** A logger that says nothing: the default outside Nest. */
export const silentLogger: ForgeLogger = Object.freeze({ debug: nothing, log: nothing, warn: nothing, error: nothing });

/**
 * The same logger, which fails nobody: one that throws, or whose promise rejects, loses its line and nothing else. A full
 * disk must neither fail a call nor end a process.
 */
export function guardedLogger(logger: ForgeLogger): ForgeLogger {
  const guarded =
    (level: keyof ForgeLogger) =>
    (message: unknown, ...details: unknown[]): void => {
      try {
        const written: unknown = logger[level]?.(message, ...details);
        if (isPromise(written)) written.catch(nothing);
      } catch {
        // Nowhere is left to say it.
      }
    };
  return { debug: guarded('debug'), log: guarded('log'), warn: guarded('warn'), error: guarded('error') };
}
