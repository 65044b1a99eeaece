import { Observers } from '../../observer.js';
import { FakeClock } from '../../testing/fake-clock.js';
import { AuthenticationError, ClientClosedError } from '../../errors.js';
import type { ForgeLogger } from '../../logger.js';
import type { ServiceScope } from '../runtime.js';
import { closedFailure, deadlineFailure, SlotOutage, SlotPause } from './slot-outage.js';

const scopeOf = (more: Partial<ServiceScope> = {}): ServiceScope =>
  ({ owner: '"orders"', serviceName: 'orders', settings: { deadlineMs: 7_000 }, ...more }) as ServiceScope;

function outage(): { outage: SlotOutage; warnings: string[]; lines: string[] } {
  const warnings: string[] = [];
  const lines: string[] = [];
  const logger = {
    warn: (text: string) => void warnings.push(text),
    log: (text: string) => void lines.push(text),
  } as ForgeLogger;
  return { outage: new SlotOutage(scopeOf({ logger })), warnings, lines };
}

it('an outage is reported once when it begins and once when it is over, each time', () => {
  const { outage: observed, warnings, lines } = outage();
  observed.over();
  for (let round = 0; round < 2; round += 1) {
    for (let failures = 0; failures < 3; failures += 1) observed.failed(new AuthenticationError('It is down.'), false);
    observed.over();
    observed.over();
  }
  expect(warnings).toEqual(['It is down.', 'It is down.']);
  expect(lines).toEqual(Array.from({ length: 2 }, () => 'Tokens for "orders" are available again.'));
});

it('an outage says whether the current token stays in use, and nothing of an error that is not ours', () => {
  const { outage: observed, warnings } = outage();
  observed.failed(new Error('secret'), true);
  expect(warnings).toEqual(['A token request failed. The current token stays in use until it expires.']);
});

it('a flight that took too long fails by its bound, may be tried again, and names its service', () => {
  expect(deadlineFailure(scopeOf())).toMatchObject({
    message: 'Token request for "orders" did not end within 7000 ms.',
    code: 'FORGE_AUTH_TOKEN_DEADLINE',
    transient: true,
    serviceName: 'orders',
  });
});

it('what is asked for when all is over is refused as closed, with the name of the service where there is one', () => {
  const named = closedFailure(scopeOf());
  expect(named).toBeInstanceOf(ClientClosedError);
  expect(named).toMatchObject({
    message: 'Tokens for "orders" are no longer available: closed.',
    serviceName: 'orders',
  });
  expect('serviceName' in closedFailure(scopeOf({ serviceName: undefined }))).toBe(false);
});

it('a pause is logged once while it goes on, and once when a token is accepted again; its event says until when', () => {
  const [lines, events, clock, observer]: [string[], unknown[], FakeClock, Observers] = [
    [],
    [],
    new FakeClock(),
    new Observers(),
  ];
  observer.add({ event: (event) => void events.push(event) });
  const write = (text: string) => void lines.push(text);
  const logger = { warn: write, log: write } as ForgeLogger;
  const pause = new SlotPause(scopeOf({ logger, clock, observer }), {});
  const until = (pauseMs: number) => ({
    type: 'renewal_pause',
    at: clock.now(),
    service: 'orders',
    until: clock.now() + pauseMs,
  });
  pause.paused(30_000);
  pause.paused(60_000);
  pause.ended();
  expect(lines).toEqual([
    'New tokens for "orders" are rejected, too: for 30 s, and longer if that goes on, rejections cause no token request, and reach the callers.',
    'Tokens for "orders" are accepted again.',
  ]);
  expect(events).toEqual([until(30_000), until(60_000), until(0)]);
});
