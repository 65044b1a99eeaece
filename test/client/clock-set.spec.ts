import { BearerAuth, ExponentialBackoffRetryStrategy, type ForgeServiceOptions } from 'nestjs-forge-auth';
import { resolveService } from '../../src/application/service-resolver.js';
import { ClientCore } from '../../src/client/client-core.js';
import { systemClock } from '../../src/clock.js';
import { HttpRequester } from '../../src/http/http-requester.js';
import { type ForgeAuthEvent, Observers } from '../../src/observer.js';
import { give } from '../support/answer.js';
import type { Handler } from '../support/recording-server.js';
import { rejection } from '../support/async.js';
import { Wire } from './wire.js';

const HOUR_MS = 3_600_000;
const SETS = [
  ['back', -HOUR_MS],
  ['forward', HOUR_MS],
] as const;

const wire = new Wire();
afterEach(() => wire.close());

const unused = (): never => {
  throw new Error('not used');
};

/** A service on a machine whose time of day is set while its server answers. */
class World {
  setMs = 0;
  readonly clock = { ...systemClock, now: () => Date.now() + this.setMs };
  readonly events: ForgeAuthEvent[] = [];
  readonly lines: Record<string, unknown>[] = [];

  async core(handler: Handler, options: Partial<ForgeServiceOptions> = {}): Promise<ClientCore> {
    const server = await wire.server(handler);
    const note = (_line: string, fields?: unknown): void => void this.lines.push(fields as Record<string, unknown>);
    const observer = new Observers();
    observer.add({ event: (event) => this.events.push(event) });
    const service = await resolveService(
      { name: 'orders', baseUrl: server.origin, auth: new BearerAuth('secret'), ...options },
      {},
      {
        clock: this.clock,
        logger: { log: note, warn: note, error: note, debug: note },
        instantiate: unused,
        observer,
      } as never,
      unused,
    );
    return wire.closeLater(new ClientCore(service));
  }

  /** Times that were reported, of whatever. */
  get reported(): unknown[] {
    return this.events.flatMap((event) => ('durationMs' in event ? [event.durationMs] : []));
  }
}

const retryAfter = (baseDelayMs: number): Partial<ForgeServiceOptions> => ({
  totalTimeoutMs: 20_000,
  retry: new ExponentialBackoffRetryStrategy({
    maxRetries: 1,
    baseDelayMs,
    maxDelayMs: baseDelayMs,
    jitter: false,
  }),
});

const isShort = (ms: unknown): boolean => typeof ms === 'number' && ms >= 0 && ms < 60_000 && Number.isInteger(ms);

describe.each(SETS)('a clock set %s an hour during a call', (_how, setMs) => {
  it('changes no time that is reported of it', async () => {
    const world = new World();
    const seen: number[] = [];
    const core = await world.core(
      (_request, response) => {
        world.setMs += setMs;
        give(response, { json: {} });
      },
      {
        logging: true,
        hooks: { afterResponse: [({ elapsedMs }: { elapsedMs: number }) => void seen.push(elapsedMs)] } as never,
      },
    );
    const { elapsedMs } = await core.call({ url: '/' });
    const logged = world.lines.flatMap((fields) => ('durationMs' in (fields ?? {}) ? [fields['durationMs']] : []));
    expect([seen.length, logged.length, world.reported.length]).toEqual([1, 1, 2]);
    expect([elapsedMs, ...seen, ...logged, ...world.reported].filter((ms) => !isShort(ms))).toEqual([]);
  });

  it('a clock that is set during a call neither takes away nor adds a retry within its total time', async () => {
    const world = new World();
    let asked = 0;
    const handler: Handler = (_request, response) => {
      asked += 1;
      world.setMs += asked === 1 ? setMs : 0;
      give(response, asked === 1 ? { status: 503 } : { json: {} });
    };
    const core = await world.core(handler, retryAfter(1));
    expect([(await core.call({ url: '/' })).status, asked]).toEqual([200, 2]);
    asked = 0;
    const slow = await world.core(handler, retryAfter(25_000));
    expect(await rejection(slow.call({ url: '/' }))).toMatchObject({ status: 503 });
    expect(asked).toBe(1);
  });

  it('a clock that is set during a call neither lengthens nor shortens its total time', async () => {
    const world = new World();
    const core = await world.core((_request, response) => {
      world.setMs += setMs;
      give(response, 'hang');
    });
    const startedAt = performance.now();
    const error = await rejection(core.call({ url: '/', totalTimeoutMs: 300 }));
    expect((error as Error).message).toMatch(/was not done within 300 ms/);
    expect(performance.now() - startedAt).toBeGreaterThan(295);
  });

  it('changes no time of an answer to a token request', async () => {
    const world = new World();
    const server = await wire.server((_request, response) => {
      world.setMs += setMs;
      give(response, { json: {} });
    });
    const { elapsedMs } = await new HttpRequester({}, world.clock).request({ url: server.origin });
    expect(isShort(elapsedMs)).toBe(true);
  });
});
