import type { ForgeLogger } from 'nestjs-forge-auth';

/** Returns a logger that records what it is given, by level. */
export function recordingLogger(): ForgeLogger & { readonly warnings: string[]; readonly lines: string[] } {
  const warnings: string[] = [];
  const lines: string[] = [];
  const record = (message: string): void => void lines.push(message);
  const warn = (message: string): void => void warnings.push(message);
  return { warnings, lines, debug: record, log: record, warn, error: warn };
}
