import { Lazy } from './lazy.js';

/** Openings that a test ends itself. */
function openings() {
  const begun: { resolve: (value: string) => void; reject: (error: Error) => void; args: unknown[] }[] = [];
  const open = (...args: unknown[]): Promise<string> =>
    new Promise((resolve, reject) => void begun.push({ resolve, reject, args }));
  return { begun, open };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('Lazy', () => {
  it('opens nothing until somebody asks', async () => {
    const { begun, open } = openings();
    const lazy = new Lazy(open);
    await settle();
    expect([begun.length, lazy.value]).toEqual([0, undefined]);
  });

  it('shares one opening among concurrent callers, with the arguments of the first', async () => {
    const { begun, open } = openings();
    const lazy = new Lazy<string, [number]>(open);
    const waiting = [1, 2, 3].map((number) => lazy.open(number));
    begun[0]?.resolve('value');
    expect(await Promise.all(waiting)).toEqual(['value', 'value', 'value']);
    expect(await lazy.open(4)).toBe('value');
    expect(begun.map(({ args }) => args)).toEqual([[1]]);
  });

  it('Lazy has its value at hand for whoever waited for it', async () => {
    const lazy = new Lazy(async () => 'value');
    let seen: string | undefined;
    await lazy.open().then(() => (seen = lazy.value));
    expect(seen).toBe('value');
  });

  it('Lazy has the value at hand at once where it was known from the beginning', async () => {
    const lazy = Lazy.of('value');
    expect([lazy.value, await lazy.open()]).toEqual(['value', 'value']);
  });

  it('rejects all who wait for an opening that fails, and opens once more for those who ask again', async () => {
    const { begun, open } = openings();
    const lazy = new Lazy(open);
    const again = (): Promise<string> => lazy.open().catch(() => lazy.open());
    const waiting = [again(), again(), again()];
    begun[0]?.reject(new Error('down'));
    await settle();
    expect(begun).toHaveLength(2);
    begun[1]?.resolve('value');
    expect(await Promise.all(waiting)).toEqual(['value', 'value', 'value']);
  });

  it('opens again after an opening that threw at once', async () => {
    let times = 0;
    const lazy = new Lazy(() => {
      times += 1;
      if (times === 1) throw new Error('down');
      return 'value';
    });
    await expect(lazy.open()).rejects.toThrow('down');
    expect(await lazy.open()).toBe('value');
  });

  it('keeps a failure where it is to', async () => {
    let times = 0;
    const lazy = new Lazy(
      () => {
        throw new Error(`failure ${(times += 1)}`);
      },
      { keepsFailure: true },
    );
    await expect(lazy.open()).rejects.toThrow('failure 1');
    await expect(lazy.open()).rejects.toThrow('failure 1');
  });

  it('hands over at its close what is being opened, and refuses nobody who waits for that', async () => {
    const { begun, open } = openings();
    const lazy = new Lazy(open);
    const waiting = lazy.open();
    const closing = lazy.close(() => new Error('closed'));
    begun[0]?.resolve('value');
    expect(await Promise.all([waiting, closing, lazy.open()])).toEqual(['value', 'value', 'value']);
  });

  it('opens nothing once it is closed, nor after an opening that failed meanwhile', async () => {
    const { begun, open } = openings();
    const [unused, failing] = [new Lazy(open), new Lazy(open)];
    failing.open().catch(() => undefined);
    const closing = [unused, failing].map((lazy) => lazy.close(() => new Error('closed')));
    begun[0]?.reject(new Error('down'));
    expect(await Promise.all(closing)).toEqual([undefined, undefined]);
    await expect(unused.open()).rejects.toThrow('closed');
    await expect(failing.open()).rejects.toThrow('closed');
    expect(begun).toHaveLength(1);
  });

  it('opens anew after a reset, whatever becomes of the opening before', async () => {
    const { begun, open } = openings();
    const lazy = new Lazy(open);
    const before = lazy.open();
    lazy.reset();
    const after = lazy.open();
    begun[1]?.resolve('new');
    await after;
    begun[0]?.resolve('old');
    expect([await before, lazy.value, await lazy.open()]).toEqual(['old', 'new', 'new']);
  });
});
