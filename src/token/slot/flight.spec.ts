import { getEventListeners } from 'node:events';
import { type Clock, systemClock } from '../../clock.js';
import { Flight } from './flight.js';

const late = (): Error => new Error('deadline');

const nothing = (): void => undefined;

/** A flight whose end a test decides. */
function startFlight(deadlineMs = 10_000, clock: Clock = systemClock) {
  let signal: AbortSignal | undefined;
  let land: (token: string) => void = nothing;
  let crash: (error: Error) => void = nothing;
  const work = new Promise<string>((resolve, reject) => {
    land = resolve;
    crash = reject;
  });
  const flight = new Flight<string>(
    (given) => {
      signal = given;
      return work;
    },
    clock,
    deadlineMs,
    late,
  );
  return { flight, land, crash, signal: signal as AbortSignal };
}

/** A clock whose only timer a test fires. */
function manualClock() {
  const tasks = new Set<() => void>();
  const clock: Clock = {
    now: () => 0,
    random: () => 0.5,
    after(_delayMs, task) {
      tasks.add(task);
      return () => tasks.delete(task);
    },
  };
  return { clock, tasks };
}

describe('Flight', () => {
  it('hands one value to everybody', async () => {
    const { flight, land } = startFlight();
    const waiting = [flight.join(), flight.join(new AbortController().signal), flight.join()];
    land('token');
    expect(await Promise.all(waiting)).toEqual(['token', 'token', 'token']);
  });

  it('hands one error, the same object, to everybody', async () => {
    const { flight, crash } = startFlight();
    const waiting = [flight.join(), flight.join(new AbortController().signal), flight.join()];
    const error = new Error('refused');
    crash(error);
    const settled = await Promise.allSettled(waiting);
    expect(settled.map((result) => result.status === 'rejected' && result.reason === error)).toEqual([
      true,
      true,
      true,
    ]);
  });

  it('lets a cancelled caller leave alone', async () => {
    const { flight, land, signal } = startFlight();
    const leaving = new AbortController();
    const left = flight.join(leaving.signal);
    const stays = flight.join();
    leaving.abort(new Error('I left'));
    await expect(left).rejects.toThrow('I left');
    expect([signal.aborted, flight.aborted, flight.abandoned]).toEqual([false, false, false]);
    land('token');
    await expect(stays).resolves.toBe('token');
  });

  it('aborts the work when the last caller has left, not before', async () => {
    const { flight, signal } = startFlight();
    const callers = [new AbortController(), new AbortController()];
    const waits = callers.map((caller) => flight.join(caller.signal).catch((error: Error) => error.message));
    callers[0]?.abort(new Error('first'));
    expect(signal.aborted).toBe(false);
    callers[1]?.abort(new Error('second'));
    expect([signal.aborted, flight.aborted, flight.abandoned]).toEqual([true, true, true]);
    expect(await Promise.all(waits)).toEqual(['first', 'second']);
    expect((signal.reason as Error).message).toBe('second');
  });

  it('Flight is left at once by a caller that comes cancelled', async () => {
    const { flight, signal } = startFlight();
    await expect(flight.join(AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late');
    expect(signal.aborted).toBe(true);
  });

  it('Flight is not aborted by callers that are cancelled after it has landed', async () => {
    const { flight, land, signal } = startFlight();
    const caller = new AbortController();
    const waiting = flight.join(caller.signal);
    land('token');
    await expect(waiting).resolves.toBe('token');
    await Promise.resolve();
    expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
    caller.abort();
    expect([signal.aborted, flight.aborted, flight.abandoned]).toEqual([false, false, false]);
  });

  it('rejects everybody at its deadline, even when the work ignores its signal', async () => {
    const { clock, tasks } = manualClock();
    const { flight, signal } = startFlight(100, clock);
    const waiting = [flight.join(), flight.join(new AbortController().signal)];
    for (const task of tasks) task();
    const settled = await Promise.allSettled(waiting);
    expect(settled.map((result) => result.status === 'rejected' && String(result.reason))).toEqual([
      'Error: deadline',
      'Error: deadline',
    ]);
    expect([signal.aborted, flight.abandoned]).toEqual([true, false]);
  });

  it('takes its timer back when the work ends, well or badly', async () => {
    for (const end of ['land', 'crash'] as const) {
      const { clock, tasks } = manualClock();
      const started = startFlight(100, clock);
      expect(tasks.size).toBe(1);
      if (end === 'land') started.land('token');
      else started.crash(new Error('refused'));
      await started.flight.settled.catch(() => undefined);
      await Promise.resolve();
      expect(tasks.size).toBe(0);
    }
  });

  it('causes no unhandled rejection when nobody waits', async () => {
    const { crash, flight } = startFlight();
    crash(new Error('unseen'));
    // Jest fails a test that leaves a rejection unhandled, if it waits for the event loop to turn.
    await new Promise((resolve) => setTimeout(resolve, 5));
    await expect(flight.settled).rejects.toThrow('unseen');
  });
});

it('a flight that has ended is not aborted any more: what its work left behind goes on', async () => {
  const { flight, land, signal } = startFlight();
  land('token');
  await flight.join();
  await Promise.resolve();
  flight.abort(new Error('closed'));
  expect([flight.aborted, signal.aborted]).toEqual([false, false]);
});
