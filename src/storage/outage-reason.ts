import { TimeoutError } from '../errors.js';
import { RedactedCause } from '../redaction/redact.js';

/** Words that Redis begins a refusal with, and that an operator can act on. What follows them may quote anything. */
const REFUSALS =
  /^(?:BUSY|CLUSTERDOWN|LOADING|MASTERDOWN|MISCONF|NOAUTH|NOPERM|NOREPLICAS|OOM|READONLY|WRONGPASS|WRONGTYPE)\b/;

/** The word with which a Redis refuses a command; undefined where it is none that is known. */
export function refusalOf(error: unknown): string | undefined {
  return error instanceof Error ? REFUSALS.exec(error.message)?.[0] : undefined;
}

/** Checks whether a read failed because of the value: of another type, no JSON, not compressed. The storage is well. */
export function isAboutValue(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  const unzipped = typeof code === 'string' && code.startsWith('Z_');
  return unzipped || error instanceof SyntaxError || refusalOf(error) === 'WRONGTYPE';
}

/** Commands that storages, locks, fences and announcements are made of: an ACL may leave some of them out. */
const NEEDED: ReadonlySet<string> = new Set(
  'eval get getrange set del type pttl pexpire time publish subscribe'.split(' '),
);

/** Returns the permissions that an ACL of Redis denies; undefined where the failure is another. */
export function missingPermission(error: unknown): string | undefined {
  if (!(error instanceof Error) || !/NOPERM|permission/i.test(error.message)) return undefined;
  const quoted = /'([\w, ]+)' command/.exec(error.message)?.[1]?.toLowerCase() ?? '';
  const commands = quoted.split(', ').filter((command) => NEEDED.has(command));
  return commands.length === 0 ? 'NOPERM' : `NOPERM: ${commands.join(', ').toUpperCase()}`;
}

/** Words of stores that refuse one value, and take others. */
const VALUE_REFUSALS = /expire time|exceeds? (?:the )?maximum|too (?:large|long)|out of range/i;

/** Checks whether a store refused a write for what was written: it says nothing of what it does with others. */
export function isValueRefused(error: unknown): boolean {
  return error instanceof RangeError || (error instanceof Error && VALUE_REFUSALS.test(error.message));
}

/** Returns the reason why a storage or a lock is not available, for a line of the log. */
export function outageReason(error: unknown, deadlineMs: number): string {
  if (error instanceof TimeoutError) return `no answer within ${deadlineMs} ms`;
  return missingPermission(error) ?? refusalOf(error) ?? new RedactedCause(error).message;
}
