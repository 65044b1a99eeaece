import { type IncomingMessage, request as nodeRequest } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import {
  AxiosTransport,
  ConnectionError,
  type HttpRequest,
  type HttpResponse,
  InMemoryTokenStorage,
  type Lease,
  type TokenLock,
  type TokenStorage,
  type Transport,
} from 'nestjs-forge-auth';
import {
  type Contract,
  expiringTokenStorageContract,
  fencedTokenStorageContract,
  tokenLockContract,
  tokenStorageContract,
  transportContract,
} from 'nestjs-forge-auth/testing';

/** Implementations that are wrong in one respect, by the check that must tell so. */
type Broken<T> = Readonly<Record<string, readonly (() => T)[]>>;

/** The checks that none of the implementations breaks that are there to break them. */
async function unnoticed<T>(contract: Contract<T>, broken: Broken<T>): Promise<string[]> {
  expect(Object.keys(broken)).toEqual(Object.keys(contract));
  const runs = Object.entries(broken).flatMap(([name, makers]) =>
    makers.map(async (make, index) => {
      const noticed = contract[name]?.(make).then(
        () => false,
        () => true,
      );
      return (await noticed) === true ? [] : [`${name} (${index})`];
    }),
  );
  return (await Promise.all(runs)).flat();
}

async function failures<T>(contract: Contract<T>, make: () => T): Promise<string[]> {
  const runs = Object.entries(contract).map(([name, check]) =>
    check(make).then(
      () => [],
      (error: unknown) => [`${name}: ${String(error)}`],
    ),
  );
  return (await Promise.all(runs)).flat();
}

describe('a storage', () => {
  interface Kept {
    readonly value: string;
    readonly until: number;
  }

  /** A storage that keeps every contract, with its seams open. */
  class Sound implements TokenStorage {
    readonly kept = new Map<string, Kept>();
    readonly generations = new Map<string, number>();
    keyOf = (key: string): string => key;
    written = (value: string): string => value;
    read = (value: string | undefined): string | undefined => value;
    lifeOf = (ttlMs: number | undefined): number => ttlMs ?? Number.POSITIVE_INFINITY;

    async get(key: string): Promise<string | undefined> {
      const kept = this.kept.get(this.keyOf(key));
      return this.read(kept !== undefined && Date.now() < kept.until ? kept.value : undefined);
    }
    async set(key: string, value: string, ttlMs?: number): Promise<void> {
      this.kept.set(this.keyOf(key), { value: this.written(value), until: Date.now() + this.lifeOf(ttlMs) });
    }
    async delete(key: string): Promise<void> {
      this.kept.delete(this.keyOf(key));
    }
    async setIfNewer(key: string, value: string, ttlMs: number, generation: number): Promise<boolean> {
      if ((this.generations.get(key) ?? 0) >= generation) return false;
      this.generations.set(key, generation);
      await this.set(key, value, ttlMs);
      return true;
    }
  }

  const but = (change: Partial<Sound>) => (): Sound => Object.assign(new Sound(), change);
  const parsed = but({
    read(value) {
      try {
        return JSON.parse(value ?? '') as string;
      } catch {
        return value;
      }
    },
  });
  const throws = but({
    set: async () => {
      throw new Error('no');
    },
  });

  it('a storage that is sound, or ours, keeps every contract', async () => {
    for (const contract of [tokenStorageContract, expiringTokenStorageContract])
      for (const make of [() => new Sound(), () => new InMemoryTokenStorage()])
        expect(await failures<TokenStorage>(contract, make)).toEqual([]);
    expect(await failures<TokenStorage>(fencedTokenStorageContract, () => new Sound())).toEqual([]);
  });

  it('a storage that is broken is noticed by the check of what is broken', async () => {
    const thirtyDays = 30 * 86_400_000;
    const shortLived = (most: number) => but({ lifeOf: (ttlMs = most) => (ttlMs > most ? 1 : ttlMs) });
    expect(
      await unnoticed<TokenStorage>(tokenStorageContract, {
        'answers nothing for a key that it does not know': [but({ read: (value) => value ?? '' })],
        'gives JSON back as it was': [parsed, throws],
        'gives what looks like JSON of another kind back as it was': [parsed],
        'gives a number in words back as it was': [parsed],
        'gives a text with quotes, breaks and a NUL back as it was': [
          but({ written: (value) => value.replaceAll('\0', '') }),
          but({ written: (value) => value.replaceAll('\r\n', '\n') }),
        ],
        'gives a text in many scripts back as it was': [
          but({ written: (value) => Buffer.from(value, 'latin1').toString('latin1') }),
          but({ written: (value) => value.slice(0, -1) }),
        ],
        'gives a text of 500 kB back as it was': [but({ written: (value) => value.slice(0, 65_536) })],
        'replaces a value': [
          but({
            async set(this: Sound, key, value) {
              if (!this.kept.has(key)) this.kept.set(key, { value, until: Number.POSITIVE_INFINITY });
            },
          }),
        ],
        'keeps keys apart, whatever is in them': [
          but({ keyOf: (key) => key.replaceAll(/[^\w:-]/g, '') }),
          but({ keyOf: (key) => key.split('::')[0] ?? key }),
          but({ keyOf: (key) => decodeURIComponent(key) }),
          but({ keyOf: (key) => key.toLowerCase() }),
        ],
        'takes keys of 345 characters': [but({ keyOf: (key) => key.slice(0, 250) })],
        'takes a value without a time': [but({ lifeOf: (ttlMs = 0) => ttlMs })],
        'keeps a value for 30 days': [shortLived(2_147_483_647)],
        'keeps a value for 31 days': [shortLived(thirtyDays)],
        'keeps a value for 400 days': [shortLived(13 * thirtyDays)],
        'forgets what is deleted, and nothing where there is nothing': [
          but({ delete: async () => undefined }),
          but({
            async delete(this: Sound, key) {
              for (const kept of this.kept.keys()) if (kept.startsWith(key)) this.kept.delete(kept);
            },
          }),
          but({
            async delete(this: Sound, key) {
              if (!this.kept.delete(key)) throw new Error('unknown');
            },
          }),
        ],
      }),
    ).toEqual([]);
    expect(
      await unnoticed<TokenStorage>(expiringTokenStorageContract, {
        'drops a value when its time is over, not before, and a new value has a time of its own': [
          but({ lifeOf: () => Number.POSITIVE_INFINITY }),
          but({ lifeOf: (ttlMs = 0) => Math.floor(ttlMs / 10_000) }),
          // A timer of each value, which nobody cancels.
          () => {
            const storage = new Sound();
            const set = storage.set.bind(storage);
            storage.set = async (key, value, ttlMs = 0) => {
              await set(key, value, ttlMs);
              setTimeout(() => storage.kept.delete(key), ttlMs).unref();
            };
            return storage;
          },
        ],
      }),
    ).toEqual([]);
    expect(
      await unnoticed<TokenStorage>(fencedTokenStorageContract, {
        'refuses a write that is older than what is there': [
          but({
            async setIfNewer(this: Sound, key, value, ttlMs) {
              await this.set(key, value, ttlMs);
              return true;
            },
          }),
          but({ setIfNewer: async () => true }),
          () => {
            const storage = new Sound();
            const fenced = storage.setIfNewer.bind(storage);
            storage.setIfNewer = async (...write) => {
              await fenced(...write);
              return true;
            };
            return storage;
          },
        ],
        'keeps the newest of many writes that come in any order': [
          // Reads, then writes: what came between is overwritten.
          but({
            async setIfNewer(this: Sound, key, value, ttlMs, generation) {
              if ((this.generations.get(key) ?? 0) >= generation) return false;
              await delay(1);
              this.generations.set(key, generation);
              await this.set(key, value, ttlMs);
              return true;
            },
          }),
        ],
      }),
    ).toEqual([]);
  }, 30_000);
});

describe('a lock', () => {
  interface Held {
    readonly owner: symbol;
    until: number;
  }

  /** A lock that keeps the contract, with its seams open. */
  class Sound implements TokenLock {
    readonly held = new Map<string, Held>();
    #last = 0;
    keyOf = (key: string): string => key;
    isHeld = (held: Held | undefined): boolean => held !== undefined && Date.now() < held.until;
    isMine = (held: Held | undefined, owner: symbol): boolean => held?.owner === owner && Date.now() < held.until;
    extended = (held: Held, until: number): void => void (held.until = until);
    released = (key: string): void => void this.held.delete(key);
    generation = (): number => (this.#last += 1);
    left = (signal: AbortSignal): void => signal.throwIfAborted();

    async acquire(given: string, { ttlMs, signal }: { ttlMs: number; signal: AbortSignal }): Promise<Lease | null> {
      this.left(signal);
      const key = this.keyOf(given);
      if (this.isHeld(this.held.get(key))) return null;
      const owner = Symbol('owner');
      this.held.set(key, { owner, until: Date.now() + ttlMs });
      return {
        generation: this.generation(),
        extend: async () => {
          const held = this.held.get(key);
          if (held === undefined || !this.isMine(held, owner)) return false;
          this.extended(held, Date.now() + ttlMs);
          return true;
        },
        release: async () => {
          if (this.isMine(this.held.get(key), owner)) this.released(key);
        },
      };
    }
  }

  const but = (change: Partial<Sound>) => (): Sound => Object.assign(new Sound(), change);

  it('a lock that is sound keeps the contract', async () => {
    expect(await failures<TokenLock>(tokenLockContract, () => new Sound())).toEqual([]);
  });

  it('a lock that is broken is noticed by the check of what is broken', async () => {
    expect(
      await unnoticed<TokenLock>(tokenLockContract, {
        'is held by one at a time, of any number that ask at once': [
          but({ isHeld: () => false }),
          but({ isHeld: () => true }),
          // Looks, then takes.
          () => {
            const lock = new Sound();
            const acquire = lock.acquire.bind(lock);
            lock.acquire = async (key, options) => {
              const free = !lock.isHeld(lock.held.get(key));
              await delay(1);
              if (!free) return null;
              lock.held.delete(key);
              return acquire(key, options);
            };
            return lock;
          },
        ],
        'is free again when it is given back, and other keys are free all along': [
          but({ released: () => undefined }),
          but({ keyOf: () => 'one for all' }),
        ],
        'runs out, and its former holder can neither extend nor release the next one': [
          but({ isHeld: (held) => held !== undefined }),
          but({ isMine: () => true }),
        ],
        'lasts as long as it is extended': [but({ extended: () => undefined }), but({ isMine: () => false })],
        'mints generations that grow': [but({ generation: () => 1 }), but({ generation: () => -Date.now() })],
        'is not granted to a caller that has left': [
          but({ left: () => undefined }),
          but({
            left: (signal) => {
              if (signal.aborted) throw new Error('aborted');
            },
          }),
          // Refuses too late: nobody will ever give it back.
          () => {
            const lock = new Sound();
            const acquire = lock.acquire.bind(lock);
            lock.left = () => undefined;
            lock.acquire = async (key, options) => {
              const lease = await acquire(key, options);
              options.signal.throwIfAborted();
              return lease;
            };
            return lock;
          },
        ],
      }),
    ).toEqual([]);
  }, 30_000);
});

interface Seams {
  asked?: (request: HttpRequest) => HttpRequest;
  answered?: (response: HttpResponse) => HttpResponse | Promise<HttpResponse>;
  failed?: (error: Error, request: HttpRequest) => Error;
}

/** Over `node:http`, decodes nothing. */
const raw = (): Transport => ({
  send: ({ url, method, headers: asked }) =>
    new Promise((resolve, reject) => {
      nodeRequest(url, { method, headers: asked }, (message: IncomingMessage) => {
        const { statusCode: status = 0 } = message;
        const headers = message.headers as HttpResponse['headers'];
        buffer(message).then((body) => resolve({ status, headers, body, url }), reject);
      })
        .on('error', reject)
        .end();
    }),
});

const collected = async ({ body, ...response }: HttpResponse): Promise<HttpResponse> => ({
  ...response,
  body: Buffer.isBuffer(body) ? body : Readable.from([await buffer(body)]),
});

const bodyAs = (make: (body: Buffer) => unknown): Seams => ({
  answered: ({ body, ...response }) => ({
    ...response,
    body: (Buffer.isBuffer(body) ? make(body) : body) as Buffer,
  }),
});

describe('a transport', () => {
  const sound = new AxiosTransport();
  afterAll(() => sound.close());

  /** Ours, with its seams open. */
  const but = ({ asked = (request) => request, answered = (response) => response, failed }: Seams) => {
    return (): Transport => ({
      async send(request) {
        try {
          return await answered(await sound.send(asked(request)));
        } catch (error) {
          throw failed === undefined ? error : failed(error as Error, request);
        }
      },
    });
  };
  const { signal: _none, ...unsignalled }: Partial<HttpRequest> = {};
  const deaf = but({ asked: ({ signal: _signal, ...request }) => ({ ...request, ...unsignalled }) });
  const untyped = but({ failed: ({ message }) => new Error(message) });

  it('a transport that is sound keeps the contract', async () => {
    expect(await failures<Transport>(transportContract, but({}))).toEqual([]);
  });

  it('a transport that is broken is noticed by the check of what is broken', async () => {
    expect(
      await unnoticed<Transport>(transportContract, {
        'answers status, headers in lower case, and body': [
          but({
            answered: ({ headers, ...response }) => ({
              ...response,
              headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value])),
            }),
          }),
          but({ answered: (response) => ({ ...response, status: 200 }) }),
          but(bodyAs(String)),
          but({ answered: (response) => ({ ...response, url: '' }) }),
        ],
        'sends method, path, query and headers as they are given': [
          but({ asked: (request) => ({ ...request, method: 'GET' }) }),
          but({ asked: (request) => ({ ...request, url: request.url.replace('%20', '+') }) }),
          but({ asked: ({ headers: _headers, ...request }) => ({ ...request, headers: {} }) }),
        ],
        'sends texts and bytes with their length': [
          but({
            asked: ({ body, ...request }) => ({
              ...request,
              body: typeof body === 'string' ? Buffer.from(body, 'latin1') : body,
            }),
          }),
          but({
            asked: ({ body, ...request }) => ({ ...request, body: Buffer.isBuffer(body) ? body.toString() : body }),
          }),
        ],
        'sends streams': [but({ asked: ({ body, ...request }) => ({ ...request, body: String(body) }) })],
        'hands over bytes as they are': [but(bodyAs((body) => Buffer.from(body.toString())))],
        'answers every status, and follows no redirect': [
          but({ answered: (response) => (response.status < 500 ? response : Promise.reject(new Error('500'))) }),
          but({ answered: (response) => ({ ...response, status: response.status < 400 ? 200 : response.status }) }),
        ],
        'answers empty bodies as empty Buffers': [
          but(bodyAs((body) => (body.length === 0 ? undefined : body))),
          but(bodyAs((body) => (body.length === 0 ? Readable.from([]) : body))),
        ],
        'hands over cookies as a list': [
          but({
            answered: ({ headers, ...response }) => ({
              ...response,
              headers: { ...headers, 'set-cookie': String(headers['set-cookie']) },
            }),
          }),
        ],
        'decodes gzip': [raw],
        'decodes deflate': [raw],
        'decodes deflate without its wrapper': [raw],
        'decodes br': [raw],
        'fails with a typed error where a coded body is broken': [raw, untyped],
        'gives a body up after maxContentLength bytes, decoded': [
          but({ asked: ({ maxContentLength: _most, ...request }) => request }),
          but({
            asked: ({ maxContentLength = 0, ...request }) => ({ ...request, maxContentLength: maxContentLength - 1 }),
          }),
          untyped,
        ],
        'hands a stream over when the headers are in': [but({ answered: collected })],
        'closes the connection of a stream that is destroyed': [
          but({
            answered: ({ body, ...response }) => ({
              ...response,
              body: body instanceof Readable ? body.on('error', () => undefined).pipe(new PassThrough()) : body,
            }),
          }),
        ],
        'rejects with the reason of a signal that has aborted': [deaf, untyped],
        'rejects with the reason of a signal that aborts while it waits for an answer': [deaf, untyped],
        'rejects with the reason of a signal that aborts amid a body': [deaf, untyped],
        'fails with a ConnectionError that says that nothing was sent where nobody listens': [
          untyped,
          but({ failed: ({ message }) => new ConnectionError(message) }),
        ],
        'fails with a ConnectionError where the connection closes before the answer, or amid it': [
          untyped,
          but({ failed: ({ message }) => new ConnectionError(message, { nothingSent: true }) }),
        ],
        'shows nothing of headers and bodies in its errors': [
          but({ failed: ({ message }, { headers }) => new Error(`${message} ${JSON.stringify(headers)}`) }),
          but({ failed: ({ message }, { body }) => Object.assign(new Error(message), { body }) }),
          but({ failed: ({ message }, { url }) => new Error(message, { cause: { url } }) }),
          but({ failed: () => new Error('It failed.') }),
        ],
        'keeps its connections for the next request': [
          but({ asked: (request) => ({ ...request, headers: { ...request.headers, connection: 'close' } }) }),
        ],
        'sends many requests at once': [
          () => {
            let first: Promise<HttpResponse> | undefined;
            return { send: (request) => (first ??= sound.send(request)) };
          },
          () => {
            let open = 0;
            return {
              async send(request) {
                if ((open += 1) > 49) throw new Error('too many');
                return sound.send(request).finally(() => (open -= 1));
              },
            };
          },
        ],
      }),
    ).toEqual([]);
  }, 60_000);
});
