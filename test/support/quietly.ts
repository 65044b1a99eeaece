/** Runs `work` while lines that `console.warn` and `console.info` get, and that start with `prefix`, are dropped. */
export async function quietly<T>(prefix: string, work: () => Promise<T>): Promise<T> {
  const target = globalThis.console;
  const { warn, info } = target;
  const except =
    (write: (...data: unknown[]) => void) =>
    (...data: unknown[]): void => {
      if (!String(data[0]).startsWith(prefix)) write.apply(target, data);
    };
  Object.assign(target, { warn: except(warn), info: except(info) });
  try {
    return await work();
  } finally {
    Object.assign(target, { warn, info });
  }
}
