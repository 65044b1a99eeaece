import type { ForgeAuthEvent } from '../observer.js';
import { DashboardHistory } from './dashboard-history.js';

const MINUTE = 60_000;
const START = 1_000 * MINUTE;

function request(minute: number, outcome: 'obtained' | 'failed' | 'aborted', service = 'orders'): ForgeAuthEvent {
  const at = START + minute * MINUTE + 1;
  return {
    type: 'token_request',
    at,
    service,
    cause: 'window',
    outcome,
    grant: 'custom',
    shared: false,
    durationMs: 1,
  };
}

it('counts by the minute, for each service, and forgets what is older than an hour', () => {
  const history = new DashboardHistory();
  for (const minute of [0, 0, 30, 59]) history.event(request(minute, 'obtained'));
  history.event(request(59, 'failed'));
  history.event(request(59, 'aborted'));
  history.event(request(59, 'failed', 'prices'));
  history.event({ type: 'token_rejected', at: START, service: 'orders' });
  history.event({ type: 'storage_state', at: START, service: undefined, state: 'down' });
  const { renewals, failures, rejections } = history.of('orders', START + 59 * MINUTE);
  expect([renewals.length, renewals[0], renewals[30], renewals[59]]).toEqual([60, 2, 1, 1]);
  expect([failures[59], rejections[0]]).toEqual([1, 1]);
  expect(history.of('orders', START + 60 * MINUTE).renewals[29]).toBe(1);
  expect(history.of('orders', START + 60 * MINUTE).renewals.reduce((sum, count) => sum + count, 0)).toBe(2);
  expect(history.of('nobody', START).failures).toEqual(Array.from({ length: 60 }, () => 0));
});

it('remembers no more than an hour of a service that never rests', () => {
  const history = new DashboardHistory();
  for (let minute = 0; minute < 500; minute += 1) history.event(request(minute, 'obtained'));
  const { renewals } = history.of('orders', START + 499 * MINUTE);
  expect(renewals).toEqual(Array.from({ length: 60 }, () => 1));
});
