/** Subject that a check is run on, or a function that makes one. */
export type ContractSubject<Subject> = Subject | (() => Subject | Promise<Subject>);

/**
 * Named checks of what an implementation must keep, for any test framework: each resolves where it is kept, and rejects
 * with an `AssertionError` where it is broken.
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
