import { sleep, withDeadline } from '../../src/clock.js';
import { FakeClock } from './fake-clock.js';
import { send } from './answer.js';
import { startServer } from './recording-server.js';

const late = (): Error => new Error('late');

function draw(seed: number): number[] {
  const clock = new FakeClock({ random: { seed } });
  return Array.from({ length: 100 }, () => clock.random());
}

describe('FakeClock', () => {
  it('stands still until it is advanced', async () => {
    const clock = new FakeClock({ now: 1_000 });
    expect(clock.now()).toBe(1_000);
    await clock.advance(250);
    expect(clock.now()).toBe(1_250);
  });

  it('fires timers in order, each at its time, also those set on the way', async () => {
    const clock = new FakeClock({ now: 0 });
    const log: string[] = [];
    const note = (name: string) => () => void log.push(`${name}@${clock.now()}`);
    clock.after(30, note('late'));
    clock.after(10, () => {
      note('early')();
      clock.after(5, note('nested'));
    });
    clock.after(30, note('later'));
    clock.after(31, note('never'));
    await clock.advance(30);
    expect(log).toEqual(['early@10', 'nested@15', 'late@30', 'later@30']);
    expect(clock.pending).toBe(1);
    expect(clock.nextIn).toBe(1);
  });

  it('FakeClock does not fire what was cancelled', async () => {
    const clock = new FakeClock();
    const cancel = clock.after(10, () => {
      throw new Error('fired');
    });
    cancel();
    await clock.advance(100);
    expect(clock.pending).toBe(0);
    expect(clock.nextIn).toBeUndefined();
  });

  it('lets code that awaits go on between timers', async () => {
    const clock = new FakeClock({ now: 0 });
    const times: number[] = [];
    const loop = (async () => {
      for (let n = 0; n < 3; n += 1) {
        await sleep(clock, 100);
        times.push(clock.now());
      }
    })();
    await clock.advance(300);
    await loop;
    expect(times).toEqual([100, 200, 300]);
  });

  it('works with deadlines over real I/O', async () => {
    const clock = new FakeClock();
    const server = await startServer((request, res) => void (request.path === '/ok' && send(res, 200)));
    const quick = await withDeadline(clock, fetch(`${server.origin}/ok`), 1_000, late);
    expect(quick.status).toBe(200);
    await clock.advance(0);
    expect(clock.pending).toBe(0);

    const slow = withDeadline(clock, fetch(`${server.origin}/hang`), 1_000, late);
    const failure = slow.catch((error: Error) => error.message);
    await server.received(1, '/hang');
    await clock.advance(1_000);
    expect(await failure).toBe('late');
    await server.close();
  });

  it('jumps without its timers noticing', async () => {
    const clock = new FakeClock({ now: 10_000 });
    let fired = false;
    clock.after(100, () => (fired = true));
    clock.jump(-5_000);
    expect(clock.now()).toBe(5_000);
    await clock.advance(99);
    expect(fired).toBe(false);
    await clock.advance(1);
    expect(fired).toBe(true);
  });

  it('draws the number it was given, or a sequence that can be repeated', () => {
    expect(new FakeClock({ random: 0.25 }).random()).toBe(0.25);
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(draw(1).every((number) => number >= 0 && number < 1)).toBe(true);
    expect(new Set(draw(1)).size).toBe(100);
  });
});
