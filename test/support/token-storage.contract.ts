import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { TokenStorage } from 'nestjs-forge-auth';

/** What a storage can do beyond keeping values. */
export interface TokenStorageTraits {
  /** Values go when their time is over. */
  expires: boolean;
  /** Writes of an earlier generation are refused. */
  fences: boolean;
  /** How many characters a key may have, the contract's own `contract:<uuid>` of 45 included. @default 345 */
  keyLength?: number;
}

/**
 * The contract that every {@link TokenStorage} keeps.
 * @param open makes the storage; called once, before the first test
 */
export function describeTokenStorage(
  name: string,
  open: () => TokenStorage | Promise<TokenStorage>,
  { expires, fences, keyLength = 345 }: TokenStorageTraits,
): void {
  describe(name, () => {
    let storage: TokenStorage;
    let key: string;
    beforeAll(async () => {
      storage = await open();
    });
    beforeEach(() => {
      key = `contract:${randomUUID()}`;
    });

    const text = async (of = key): Promise<string | undefined> => {
      const value = await storage.get(of);
      return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : (value ?? undefined);
    };

    it('answers nothing for a key that it does not know', async () => {
      expect(await text()).toBeUndefined();
    });

    it.each([
      ['JSON', '{"v":1,"token":{"accessToken":"a.b-c_d~+/="}}'],
      ['what looks like JSON of another kind', '[1,null,"x"]'],
      ['a number in words', '17'],
      ['a text with quotes, breaks and a NUL', 'a"b\\c\r\n\t\0d'],
      ['a text in many scripts', 'Ünïcödé — 日本語 — 🔑'],
      ['a text of 500 kB', 'x'.repeat(500_000)],
    ])('gives %s back as it was', async (_name, value) => {
      await storage.set(key, value, 60_000);
      expect(await text()).toBe(value);
    });

    it('replaces a value', async () => {
      await storage.set(key, 'first', 60_000);
      await storage.set(key, 'second', 60_000);
      expect(await text()).toBe('second');
    });

    it('keeps keys apart, whatever is in them', async () => {
      const keys = ['', ':', '::a', '*', '{tag}', 'with space', 'Ünï', 'a%3Ab', 'x'.repeat(keyLength - 45)].map(
        (end) => key + end,
      );
      await Promise.all(keys.map((one, index) => storage.set(one, `value ${index}`, 60_000)));
      expect(await Promise.all(keys.map(text))).toEqual(keys.map((_, index) => `value ${index}`));
    });

    it('takes a value without a time', async () => {
      await storage.set(key, 'kept');
      expect(await text()).toBe('kept');
    });

    it.each([30, 31, 400])('keeps a value for %d days', async (days) => {
      await storage.set(key, 'kept', days * 86_400_000);
      await delay(5);
      expect(await text()).toBe('kept');
    });

    it('forgets what is deleted, and nothing where there is nothing', async () => {
      await storage.set(key, 'value', 60_000);
      await storage.delete?.(key);
      await storage.delete?.(`${key}:unknown`);
      expect((await text()) || undefined).toBeUndefined();
    });

    if (expires) {
      it('drops a value when its time is over, not before, and a new value has a time of its own', async () => {
        await storage.set(key, 'short', 1);
        await storage.set(`${key}:long`, 'long', 60_000);
        await storage.set(`${key}:renewed`, 'old', 1);
        await storage.set(`${key}:renewed`, 'new', 60_000);
        await delay(30);
        expect([await text(), await text(`${key}:long`), await text(`${key}:renewed`)]).toEqual([
          undefined,
          'long',
          'new',
        ]);
      });
    }

    if (fences) {
      const write = (value: string, generation: number): Promise<boolean> =>
        (storage.setIfNewer as NonNullable<TokenStorage['setIfNewer']>).call(storage, key, value, 60_000, generation);

      it('refuses a write that is older than what is there', async () => {
        expect(await write('second', 2)).toBe(true);
        expect(await write('first', 1)).toBe(false);
        expect(await text()).toBe('second');
        expect(await write('third', 3)).toBe(true);
        expect(await text()).toBe('third');
      });

      it('keeps the newest of many writes that come in any order', async () => {
        const generations = [5, 1, 9, 3, 7, 10, 2, 8, 4, 6].map((generation) => Date.now() + generation);
        await Promise.all(generations.map((generation) => write(`value ${generation}`, generation)));
        expect(await text()).toBe(`value ${Math.max(...generations)}`);
      });
    }
  });
}
