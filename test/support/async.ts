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

/**
 * Lets the event loop turn so many times. What clients and servers of this process have sent each other arrives
 * meanwhile, however busy the machine is: a fixed time may pass without a single turn.
 */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
