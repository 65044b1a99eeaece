import { ConsoleLogger, Logger } from '@nestjs/common';
import { LogEntry } from '../client/layers/log-entry.js';
import type { ForgeLogger } from '../logger.js';

/**
 * Writes to the app's logger: a line with its fields beside it, as Nest 12 takes them, or both as one value where
 * Nest's own logger would make an entry of each, as before Nest 12.
 */
export class NestLogger extends Logger implements ForgeLogger {
  override log(message: unknown, ...details: unknown[]): void {
    super.log(...entryOf(message, details, Logger.staticInstanceRef));
  }

  override warn(message: unknown, ...details: unknown[]): void {
    super.warn(...entryOf(message, details, Logger.staticInstanceRef));
  }
}

function entryOf(message: unknown, details: unknown[], logger: unknown): [message: unknown, ...details: unknown[]] {
  const [fields] = details;
  const hasFields = typeof message === 'string' && typeof fields === 'object' && fields !== null;
  return hasFields && logger instanceof ConsoleLogger && writesTwo(logger)
    ? [new LogEntry(message, fields)]
    : [message, ...details];
}

/** Asks the logger itself, without a word: it depends on the version, and on the logger's `structuredParams`. */
function writesTwo(logger: ConsoleLogger): boolean {
  let entries = 0;
  const trial = Object.create(logger, {
    isLevelEnabled: { value: () => true },
    printMessages: { value: (messages: unknown[]) => (entries += messages.length) },
  }) as ConsoleLogger;
  ConsoleLogger.prototype.log.call(trial, 'a line', { with: 'fields' }, 'a context');
  return entries > 1;
}
