/** Returns the error that a promise is rejected with. */
export async function rejection<E = Error>(work: Promise<unknown>): Promise<E> {
  try {
    await work;
  } catch (error) {
    return error as E;
  }
  throw new Error('It was not rejected.');
}

/** Returns the errors that many promises are rejected with; fails if one is not. */
export async function rejections<E = Error>(work: readonly Promise<unknown>[]): Promise<E[]> {
  return Promise.all(work.map((one) => rejection<E>(one)));
}

/** Calls `make` so many times, without waiting in between. */
export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** Waits until `condition` holds, as the event loop turns. */
export async function until(condition: () => boolean, what: string, timeoutMs = 5_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`Waited ${timeoutMs} ms in vain: ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
