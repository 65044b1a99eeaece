import { SignInStates } from '../../src/providers/sign-in/sign-in-states.js';
import { standaloneScope } from '../../src/token/standalone.js';
import { FakeClock } from '../support/fake-clock.js';
import { times } from '../support/async.js';
import { loadStorageGuards } from '../../src/storage/storage-guards.js';

beforeAll(loadStorageGuards);

const VALUE = { codeVerifier: 'the-verifier', nonce: 'the-nonce', openid: true, subject: 'the-subject' };

function statesOn(storage: Map<string, unknown>, clock: FakeClock, owner = ['issuer', 'client']): SignInStates {
  return new SignInStates(standaloneScope({ storage, clock }, 'test', 'calendar'), owner);
}

const never = AbortSignal.timeout(60_000);

describe('what belongs to a sign-in', () => {
  it('what belongs to a sign-in is good once, for ten minutes, in any process', async () => {
    const [storage, clock] = [new Map<string, unknown>(), new FakeClock()];
    const [first, second] = [statesOn(storage, clock), statesOn(storage, clock)];
    await first.put('one', VALUE);
    await first.put('two', VALUE);
    await clock.advance(599_999);
    expect(await second.take('one', never)).toMatchObject(VALUE);
    expect(await first.take('one', never)).toBeUndefined();
    await clock.advance(1);
    expect(await second.take('two', never)).toBeUndefined();
    expect(await second.take('three', never)).toBeUndefined();
  });

  it('what belongs to a sign-in is unreadable for whoever reads the storage, and for another app on it', async () => {
    const [storage, clock] = [new Map<string, unknown>(), new FakeClock()];
    await statesOn(storage, clock).put('the-state', VALUE);
    expect(JSON.stringify([...storage])).not.toMatch(/the-state|the-verifier|the-nonce|the-subject/);
    expect(await statesOn(storage, clock, ['issuer', 'another']).take('the-state', never)).toBeUndefined();
    expect(await statesOn(storage, clock).take('the-state', never)).toMatchObject(VALUE);
  });

  it('what belongs to a sign-in is refused where the storage holds what nobody of ours has written', async () => {
    const [storage, clock] = [new Map<string, unknown>(), new FakeClock()];
    const states = statesOn(storage, clock);
    await states.put('one', VALUE);
    for (const key of storage.keys()) storage.set(key, 'AAAA'.repeat(30));
    expect(await states.take('one', never)).toBeUndefined();
  });

  it('what belongs to a sign-in is kept in this process where the storage takes nothing', async () => {
    const clock = new FakeClock();
    const broken = { get: () => undefined, set: () => Promise.reject(new Error('read only')) };
    const states = new SignInStates(standaloneScope({ storage: broken, clock }, 'test', 'calendar'), ['issuer']);
    await Promise.all(times(20, (index) => states.put(`state-${index}`, VALUE)));
    expect(await states.take('state-7', never)).toMatchObject(VALUE);
    expect(await states.take('state-7', never)).toBeUndefined();
  });
});
