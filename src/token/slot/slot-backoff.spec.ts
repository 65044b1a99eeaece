import { AuthenticationError } from '../../errors.js';
import { Observers } from '../../observer.js';
import { FakeClock } from '../../testing/fake-clock.js';
import { FetchBackoff } from './fetch-backoff.js';
import { EndpointBackoffs } from '../endpoint-backoffs.js';
import type { ServiceScope } from '../runtime.js';
import { isHeldBack, SlotBackoff } from './slot-backoff.js';
import type { TokenStore } from './token-store.js';

const NO_SIGNAL = new AbortController().signal;
/** A refusal of what one request asked for, and one of everybody's. */
const REFUSED = new AuthenticationError('No such scope.', { status: 400, error: 'invalid_scope' });
const DOWN = new AuthenticationError('It is down.', { status: 503 });

function world() {
  const clock = new FakeClock();
  const observer = new Observers();
  const events: unknown[] = [];
  observer.add({ event: (event) => void events.push(event) });
  const notes = new Map<string, string>();
  const written: [string, string, number][] = [];
  /** Writes wait for it. */
  const gate: { turn: Promise<void> } = { turn: Promise.resolve() };
  const store = {
    readNote: async (key = 'own') => notes.get(key),
    writeNote: async (text: string, ttlMs: number, key = 'own') => {
      await gate.turn;
      written.push([key, text, ttlMs]);
    },
  } as unknown as TokenStore;
  const scope = { clock, observer, owner: '"orders"', serviceName: 'orders' } as unknown as ServiceScope;
  const endpoint = new EndpointBackoffs().of('prefix', 'fingerprint', () => new FetchBackoff(clock));
  const slot = (withEndpoint = true): SlotBackoff => new SlotBackoff(scope, store, withEndpoint ? endpoint : undefined);
  return { clock, events, notes, written, gate, endpoint, slot };
}

type World = ReturnType<typeof world>;

async function fail(slot: SlotBackoff, error: unknown, count = 1): Promise<void> {
  for (let done = 0; done < count; done += 1) await (await slot.begin(NO_SIGNAL)).failed(error);
}

/** The keys under which notes were written. */
const keysOf = ({ written }: World): string[] => written.map(([key]) => key);

it('a refusal of one token’s request holds back that token alone, and is noted beside it', async () => {
  const made = world();
  const [one, other] = [made.slot(), made.slot()];
  await fail(one, REFUSED, 2);
  expect([one.waitMs, other.waitMs]).toEqual([900, 0]);
  expect(keysOf(made)).toEqual(['own', 'own']);
  await expect(one.check()).rejects.toMatchObject({ code: 'FORGE_AUTH_BACKOFF' });
  await expect(other.check()).resolves.toBeUndefined();
});

it('a failure of the endpoint holds back every token of it, and is noted under the endpoint', async () => {
  const made = world();
  const [one, other] = [made.slot(), made.slot()];
  await fail(one, DOWN, 2);
  expect([one.waitMs, other.waitMs]).toEqual([900, 900]);
  expect(keysOf(made)).toEqual([made.endpoint.noteKey, made.endpoint.noteKey]);
  await expect(other.check()).rejects.toThrow(/^Token request for "orders" is held back for 1 s/);
});

it('a failure of the endpoint is the token’s own where no endpoint is known', async () => {
  const made = world();
  const slot = made.slot(false);
  await fail(slot, DOWN, 2);
  expect([slot.waitMs, keysOf(made)]).toEqual([900, ['own', 'own']]);
});

it('the longer of the two pauses counts', async () => {
  const made = world();
  const [one, other] = [made.slot(), made.slot()];
  await fail(one, REFUSED, 2);
  await fail(other, DOWN, 2);
  expect(one.waitMs).toBe(900);
  await made.clock.advance(900);
  await fail(other, DOWN);
  expect(one.waitMs).toBe(1_800);
  await made.clock.advance(1_800);
  await fail(one, REFUSED);
  expect([one.waitMs, other.waitMs]).toEqual([1_800, 0]);
});

it('a pause is reported to observers with its end, once it begins', async () => {
  const made = world();
  const slot = made.slot();
  await fail(slot, REFUSED);
  expect(made.events).toEqual([]);
  await fail(slot, REFUSED);
  const at = made.clock.now();
  expect(made.events).toEqual([{ type: 'backoff', at, service: 'orders', until: at + 900 }]);
  expect(made.written.at(-1)).toEqual(['own', `${at + 900} 2 900 invalid_scope`, 30_900]);
});

it.each(['own', 'endpoint'] as const)('the note of another process holds back here, too: %s', async (which) => {
  const made = world();
  const until = made.clock.now() + 5_000;
  made.notes.set(which === 'own' ? 'own' : made.endpoint.noteKey, `${until} 3 5000`);
  const slot = made.slot();
  await expect(slot.begin(NO_SIGNAL)).rejects.toMatchObject({ code: 'FORGE_AUTH_BACKOFF', retryAfterMs: 5_000 });
});

it('a token that comes after failures takes both notes back, and the next failure is the first again', async () => {
  const made = world();
  const slot = made.slot();
  await fail(slot, REFUSED);
  await fail(slot, DOWN);
  made.written.length = 0;
  await (await slot.begin(NO_SIGNAL)).succeeded();
  expect(made.written.map(([, ...rest]) => rest)).toEqual([
    ['', 1],
    ['', 1],
  ]);
  expect(keysOf(made)).toEqual(['own', made.endpoint.noteKey]);
  made.written.length = 0;
  await (await slot.begin(NO_SIGNAL)).succeeded();
  expect(made.written).toEqual([]);
  await fail(slot, REFUSED);
  await fail(slot, DOWN);
  expect(slot.waitMs).toBe(0);
});

it.each<[string, unknown]>([
  ['of the token', REFUSED],
  ['of the endpoint', DOWN],
])('a token that comes after a failure %s alone takes the notes back', async (_name, error) => {
  const made = world();
  const slot = made.slot();
  await fail(slot, error);
  made.written.length = 0;
  await (await slot.begin(NO_SIGNAL)).succeeded();
  expect(made.written).toHaveLength(2);
});

it('a fetch has ended when its note is written: who comes next reads it', async () => {
  for (const [before, end] of [
    [undefined, 'failed'],
    [DOWN, 'failed'],
    [REFUSED, 'succeeded'],
  ] as const) {
    const made = world();
    const slot = made.slot();
    if (before !== undefined) await fail(slot, before);
    const attempt = await slot.begin(NO_SIGNAL);
    const opened = new AbortController();
    made.gate.turn = new Promise((resolve) => opened.signal.addEventListener('abort', () => resolve()));
    let ended = false;
    const ending = (end === 'failed' ? attempt.failed(before ?? REFUSED) : attempt.succeeded()).then(
      () => (ended = true),
    );
    await made.clock.advance(0);
    expect(ended).toBe(false);
    opened.abort();
    await ending;
  }
});

async function probing(): Promise<
  World & { first: Awaited<ReturnType<SlotBackoff['begin']>>; second: Promise<string> }
> {
  const made = world();
  await fail(made.slot(), DOWN);
  const first = await made.slot().begin(NO_SIGNAL);
  const second = made
    .slot()
    .begin(NO_SIGNAL)
    .then(
      () => 'began',
      (error: AuthenticationError) => error.code,
    );
  expect(await Promise.race([second, made.clock.advance(60_000).then(() => 'waits')])).toBe('waits');
  return { ...made, first, second };
}

describe('after a failure of the endpoint one fetch goes first', () => {
  it('after a failure of the endpoint one fetch goes first: the next begins when it succeeds', async () => {
    const { first, second } = await probing();
    await first.succeeded();
    expect(await second).toBe('began');
  });

  it('after a failure of the endpoint one fetch goes first: the next is held back when it fails', async () => {
    const { first, second } = await probing();
    await first.failed(DOWN);
    expect(await second).toBe('FORGE_AUTH_BACKOFF');
  });

  it.each<[string, (first: Awaited<ReturnType<SlotBackoff['begin']>>) => unknown]>([
    ['is abandoned', (first) => first.abandoned()],
    ['is refused for its own sake', (first) => first.failed(REFUSED)],
  ])('after a failure of the endpoint one fetch goes first: the next begins when it %s', async (_name, end) => {
    const { first, second } = await probing();
    await end(first);
    expect(await second).toBe('began');
  });

  it('after a failure of the endpoint one fetch goes first: who waits for it may leave', async () => {
    const made = world();
    await fail(made.slot(), DOWN);
    await made.slot().begin(NO_SIGNAL);
    const caller = new AbortController();
    const second = made.slot().begin(caller.signal);
    caller.abort(new Error('I left'));
    await expect(second).rejects.toThrow('I left');
  });
});

it('a fetch that was abandoned after a refusal leaves the next one to go first', async () => {
  const made = world();
  const slot = made.slot();
  await fail(slot, REFUSED);
  (await slot.begin(NO_SIGNAL)).abandoned();
  await fail(slot, REFUSED);
  expect(slot.waitMs).toBe(900);
});

it('what another process obtained ends the count of failures, of the token and of its endpoint', async () => {
  const made = world();
  const slot = made.slot();
  await fail(slot, REFUSED);
  await fail(slot, DOWN);
  slot.succeededElsewhere(made.clock.now() + 1);
  await fail(slot, REFUSED);
  await fail(slot, DOWN);
  expect(slot.waitMs).toBe(0);
});

it('only an error that a fetch was held back with says so', () => {
  expect(isHeldBack(new AuthenticationError('x', { code: 'FORGE_AUTH_BACKOFF' }))).toBe(true);
  expect(isHeldBack(DOWN)).toBe(false);
  expect(isHeldBack({ code: 'FORGE_AUTH_BACKOFF' })).toBe(false);
});

it.each([true, false])(
  'a token that comes after no failure leaves the notes alone (endpoint known: %s)',
  async (known) => {
    const made = world();
    await (await made.slot(known).begin(NO_SIGNAL)).succeeded();
    expect(made.written).toEqual([]);
  },
);

it.each([true, false])(
  'a token that comes after one failure takes its notes back (endpoint known: %s)',
  async (known) => {
    const made = world();
    const slot = made.slot(known);
    await fail(slot, DOWN);
    made.written.length = 0;
    await (await slot.begin(NO_SIGNAL)).succeeded();
    expect(made.written).toEqual([['own', '', 1], ...(known ? [[made.endpoint.noteKey, '', 1]] : [])]);
  },
);
