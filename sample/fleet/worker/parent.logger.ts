import type { LoggerService } from '@nestjs/common';

/** A line that a process of the fleet has logged. */
export interface LogLine {
  readonly level: 'log' | 'warn' | 'error';
  readonly line: string;
}

/** Sends each line to the parent process, which counts some lines and prints others. */
export class ParentLogger implements LoggerService {
  log(message: unknown): void {
    send({ level: 'log', line: String(message) });
  }

  warn(message: unknown): void {
    send({ level: 'warn', line: String(message) });
  }

  error(message: unknown): void {
    send({ level: 'error', line: String(message) });
  }
}

function send(logged: LogLine): void {
  if (process.connected) process.send?.({ logged });
}
