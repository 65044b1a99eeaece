import { Token } from '../token.js';
import { FakeClock } from '../../testing/fake-clock.js';
import { Flight } from './flight.js';
import { SlotFlights } from './slot-flights.js';

interface Started {
  readonly forced: boolean;
  readonly succeed: (accessToken: string) => void;
  readonly fail: (error: Error) => void;
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function world() {
  const started: Started[] = [];
  const failures: unknown[][] = [];
  const flights: SlotFlights = new SlotFlights(
    (forced) =>
      new Flight<Token>(
        () =>
          new Promise((resolve, reject) => {
            started.push({ forced, succeed: (accessToken) => resolve(new Token({ accessToken })), fail: reject });
          }),
        new FakeClock(),
        10_000,
        () => new Error('late'),
      ),
    // When it is called, the next caller gets a new flight already.
    (flight, error) => failures.push([flight.aborted, error, flights.busy]),
  );
  return { flights, started, failures };
}

const textOf = async (token: Promise<Token>): Promise<string> => (await token).accessToken;

it('callers share one flight, and the next after its end gets another', async () => {
  const { flights, started } = world();
  const [one, other] = [flights.join(undefined), flights.join(undefined)];
  expect([started.length, flights.busy, started[0]?.forced]).toEqual([1, true, false]);
  started[0]?.succeed('a');
  expect([await textOf(one), await textOf(other), flights.busy]).toEqual(['a', 'a', false]);
  void flights.join(undefined);
  expect(started).toHaveLength(2);
});

it('a caller who wants a new token waits for the flight before, whatever comes of it, and starts one of its own', async () => {
  for (const end of ['succeed', 'fail'] as const) {
    const { flights, started } = world();
    flights.join(undefined).catch(() => undefined);
    const forced = [flights.force(undefined), flights.force(undefined)];
    await settle();
    expect(started).toHaveLength(1);
    if (end === 'succeed') started[0]?.succeed('before');
    else started[0]?.fail(new Error('down'));
    await settle();
    expect(started.map((one) => one.forced)).toEqual([false, true]);
    started[1]?.succeed('new');
    expect(await Promise.all(forced.map(textOf))).toEqual(['new', 'new']);
  }
});

it('a caller who leaves a forced flight waits no longer, and those who stay get its token', async () => {
  const { flights, started } = world();
  const staying = flights.force(undefined);
  await settle();
  for (const leave of [flights.join.bind(flights), flights.force.bind(flights)]) {
    const caller = new AbortController();
    const left = leave(caller.signal);
    caller.abort(new Error('I left'));
    await expect(left).rejects.toThrow('I left');
  }
  started[0]?.succeed('new');
  expect([await textOf(staying), started.length]).toEqual(['new', 1]);
});

it('a caller who leaves while the flight before goes on starts none', async () => {
  const { flights, started } = world();
  flights.join(undefined).catch(() => undefined);
  const caller = new AbortController();
  const left = flights.force(caller.signal);
  caller.abort(new Error('I left'));
  await expect(left).rejects.toThrow('I left');
  started[0]?.succeed('before');
  await settle();
  expect([started.length, flights.busy]).toEqual([1, false]);
});

it('a caller who wants a new token shares the forced flight that is under way, as do those who want any', async () => {
  const { flights, started } = world();
  const callers = [flights.force(undefined), flights.force(undefined), flights.join(undefined)];
  await settle();
  expect([started.length, flights.busy]).toEqual([1, true]);
  started[0]?.succeed('new');
  expect(await Promise.all(callers.map(textOf))).toEqual(['new', 'new', 'new']);
  await settle();
  expect(flights.busy).toBe(false);
  void flights.force(undefined);
  await settle();
  expect(started).toHaveLength(2);
});

it('a caller who wants a new token and leaves while it waits for the flight before starts none', async () => {
  const { flights, started } = world();
  flights.join(undefined).catch(() => undefined);
  const caller = new AbortController();
  const forced = flights.force(caller.signal);
  caller.abort(new Error('I left'));
  await expect(forced).rejects.toThrow('I left');
  started[0]?.succeed('a');
  await settle();
  expect(started).toHaveLength(1);
});

it.each(['join', 'force'] as const)(
  'a flight that was aborted is joined by nobody who comes after: %s',
  async (first) => {
    const { flights, started } = world();
    const caller = new AbortController();
    const left = flights[first](caller.signal);
    await settle();
    caller.abort(new Error('I left'));
    const next = flights.join(undefined);
    await expect(left).rejects.toThrow('I left');
    expect(started).toHaveLength(2);
    started[1]?.succeed('b');
    expect(await textOf(next)).toBe('b');
  },
);

it('the end of a flight takes no later one away', async () => {
  const { flights, started } = world();
  const caller = new AbortController();
  flights.join(caller.signal).catch(() => undefined);
  caller.abort();
  void flights.join(undefined);
  await settle();
  expect(flights.busy).toBe(true);
  void flights.join(undefined);
  expect(started).toHaveLength(2);
});

it('a flight that failed is reported when the next caller no longer gets it', async () => {
  const { flights, started, failures } = world();
  const error = new Error('down');
  const joined = flights.join(undefined);
  started[0]?.fail(error);
  await expect(joined).rejects.toBe(error);
  expect(failures).toEqual([[false, error, false]]);
});

it('both kinds of flight are aborted at the end', async () => {
  const { flights } = world();
  const forced = flights.force(undefined);
  await settle();
  const { flights: usual } = world();
  const joined = usual.join(undefined);
  for (const all of [flights, usual]) all.abort(new Error('closed'));
  await expect(forced).rejects.toThrow('closed');
  await expect(joined).rejects.toThrow('closed');
});
