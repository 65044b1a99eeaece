import { AssertionError } from 'node:assert/strict';
import { systemClock } from '../clock.js';

/** Longest time of a check: an implementation that never answers is a broken one. */
const DEADLINE_MS = 10_000;

/** Subject that a check is run on, or a function that makes one. */
export type ContractSubject<Subject> = Subject | (() => Subject | Promise<Subject>);

/**
 * Named checks of what an implementation must keep, for any test framework: each resolves where it is kept, and rejects
 * with an `AssertionError`, or with what the subject threw, where it is broken; within 10 s where it never answers.
 *
 * ```ts
 * for (const [name, check] of Object.entries(tokenStorageContract)) it(name, () => check(() => new MyStorage()));
 * ```
 */
export type Contract<Subject> = Readonly<Record<string, (subject: ContractSubject<Subject>) => Promise<void>>>;

/** The subject of a check, made where it is a function that makes it. */
export async function openSubject<Subject>(subject: ContractSubject<Subject>): Promise<Subject> {
  return typeof subject === 'function' ? await (subject as () => Subject | Promise<Subject>)() : subject;
}

/** Settles as `work` does, or rejects when a check has had its time. */
export async function inTime(work: Promise<void>): Promise<void> {
  let cancel: (() => void) | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const message = `The check was not done within ${DEADLINE_MS} ms.`;
    cancel = systemClock.after(DEADLINE_MS, () => reject(new AssertionError({ message })), true);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    cancel?.();
  }
}
