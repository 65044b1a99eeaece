import type { LoggerService } from '@nestjs/common';
import { render } from './render.js';

/** Everything that was output while a {@link captureEverything} was active. */
export interface Capture {
  /** Hand it to Nest, or to whatever takes a logger. */
  readonly logger: LoggerService;
  /** Captured output, one entry for each log call, console call or write. */
  readonly lines: readonly string[];
  /** All lines as one text. */
  text(): string;
  /** Gives console, standard output and standard error back. Safe to call twice. */
  stop(): void;
}

const LOG_METHODS = ['log', 'error', 'warn', 'debug', 'verbose', 'fatal'] as const;
const CONSOLE_METHODS = ['log', 'info', 'warn', 'error', 'debug', 'trace', 'dir', 'table'] as const;

/**
 * Records, and swallows, what is logged, printed, or warned of by this process until `stop()`.
 *
 * Each value is recorded in every form that a logger might give it: see {@link render}.
 */
export function captureEverything(): Capture {
  const lines: string[] = [];
  const record = (source: string, values: readonly unknown[]): void => {
    lines.push(`${source}: ${values.map(render).join(' ')}`);
  };
  const restore: (() => void)[] = [];
  const replace = (target: object, name: string, substitute: unknown): void => {
    const own = Object.getOwnPropertyDescriptor(target, name);
    Object.defineProperty(target, name, { value: substitute, configurable: true, writable: true });
    restore.push(() => {
      if (own) Object.defineProperty(target, name, own);
      else Reflect.deleteProperty(target, name);
    });
  };

  const target = globalThis.console;
  for (const name of CONSOLE_METHODS) {
    replace(target, name, (...values: unknown[]) => record(`console.${name}`, values));
  }
  for (const name of ['stdout', 'stderr'] as const) {
    replace(process[name], 'write', (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
      lines.push(`${name}: ${typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8')}`);
      const done = rest.find((argument) => typeof argument === 'function') as (() => void) | undefined;
      if (done) process.nextTick(done);
      return true;
    });
  }
  const onWarning = (warning: Error): void => record('warning', [warning]);
  process.on('warning', onWarning);
  restore.push(() => process.off('warning', onWarning));

  const logger = Object.fromEntries(
    LOG_METHODS.map((level) => [level, (...values: unknown[]) => record(`logger.${level}`, values)]),
  ) as unknown as LoggerService;

  return {
    logger,
    lines,
    text: () => lines.join('\n'),
    stop() {
      for (const undo of restore.splice(0).toReversed()) undo();
    },
  };
}
