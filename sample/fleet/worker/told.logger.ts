import type { LoggerService } from '@nestjs/common';

/** A line that a process of the fleet has logged. */
export interface LogLine {
  readonly level: 'log' | 'warn' | 'error';
  readonly line: string;
}

/** Tells the parent process, which counts some lines and prints others. */
export class ToldLogger implements LoggerService {
  log(message: unknown): void {
    tell({ level: 'log', line: String(message) });
  }

  warn(message: unknown): void {
    tell({ level: 'warn', line: String(message) });
  }

  error(message: unknown): void {
    tell({ level: 'error', line: String(message) });
  }
}

function tell(logged: LogLine): void {
  if (process.connected) process.send?.({ logged });
}
