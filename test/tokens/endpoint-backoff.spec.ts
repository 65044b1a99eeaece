import { type AuthenticationError, Token, type TokenManager, type TokenProvider } from 'nestjs-forge-auth';
import { OneStore } from '../fleet/one-store.js';
import { FakeClock } from '../support/fake-clock.js';
import { CLIENT } from '../support/token-endpoint.js';
import { rejection, times } from '../support/async.js';
import { World } from './world.js';

const world = new World();
beforeEach(() => world.start());
afterEach(() => world.close());

const tooMany = { status: 429, headers: { 'retry-after': '60' } };
const heldBack = { code: 'FORGE_AUTH_BACKOFF' };
const subjectOf = (index: number): { subjectToken: string } => ({ subjectToken: `subject-${index}` });

describe('an endpoint that answered Retry-After: 60', () => {
  it('gets one request for 2,000 subjects, and one more when the time is over', async () => {
    const clock = new FakeClock();
    const manager = world.manager({ clock, provider: world.singleShot() });
    world.endpoint.configure({ respond: () => tooMany });
    await rejection(manager.getToken());
    const failures = await Promise.all(times(2_000, (index) => rejection(manager.getToken(subjectOf(index)))));
    for (const failure of failures) expect(failure).toMatchObject(heldBack);
    expect(world.endpoint.tokenRequests).toBe(1);

    await clock.advance(60_000);
    await Promise.all(times(2_000, (index) => rejection(manager.getToken(subjectOf(index)))));
    expect(world.endpoint.tokenRequests).toBe(2);
  });

  it('gets one request from a fleet of 2,000 subjects, over services and processes', async () => {
    const clock = new FakeClock();
    const store = new OneStore();
    const start = (name: string): TokenManager =>
      world.manager({ name, clock, provider: world.singleShot(), storage: store.storage, lock: store.lock });
    const first = start('service-0');
    const fleet = [first, ...times(3, (index) => start(`service-${index % 2}`))];
    world.endpoint.answerNext(tooMany);
    await rejection(first.getToken(subjectOf(0)));
    for (const manager of fleet) {
      const failures = await Promise.all(times(500, (index) => rejection(manager.getToken(subjectOf(index)))));
      for (const failure of failures) expect(failure).toMatchObject(heldBack);
    }
    expect(world.endpoint.tokenRequests).toBe(1);
    const notes = [...store.values.keys()].filter((key) => key.endsWith(':backoff'));
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(/^forge-auth:[\w-]{43}:backoff$/);

    await clock.advance(60_000);
    for (const manager of fleet) for (let index = 0; index < 20; index += 1) await manager.getToken(subjectOf(index));
    expect(world.endpoint.tokenRequests).toBe(1 + 2 * 20);
  });

  it('an endpoint that answered Retry-After: 60 is asked for other clients, and another endpoint is asked for the same', async () => {
    world.endpoint.configure({ clients: { [CLIENT.clientId]: CLIENT.clientSecret, other: 'other-secret' } });
    const [one, other] = [
      world.client({ name: 'one', auth: { provider: world.singleShot() } }),
      world.client({
        name: 'other',
        auth: { provider: world.singleShot({ clientId: 'other', clientSecret: 'other-secret' }) },
      }),
    ];
    world.endpoint.answerNext(tooMany);
    await rejection(one.get('/'));
    await expect(other.get('/')).resolves.toMatchObject({ status: 200 });
    expect(world.endpoint.tokenRequests).toBe(2);
  });

  it('an endpoint that answered Retry-After: 60 goes on having valid tokens served', async () => {
    const manager = world.manager({ provider: world.singleShot() });
    const token = await manager.getToken();
    world.endpoint.answerNext(tooMany);
    await rejection(manager.getToken(subjectOf(1)));
    expect(await manager.getToken()).toBe(token);
  });
});

describe('an endpoint that is down', () => {
  it('an endpoint that is down is asked by one of 500 subjects first, who wait for what becomes of it, when it may be back', async () => {
    const clock = new FakeClock();
    const manager = world.manager({ clock, provider: world.singleShot() });
    world.endpoint.configure({ respond: () => ({ status: 503 }) });
    await rejection(manager.getToken());
    const failures = await Promise.all(times(500, (index) => rejection(manager.getToken(subjectOf(index)))));
    expect(failures.filter((failure) => (failure as { code?: string }).code === 'FORGE_AUTH_BACKOFF')).toHaveLength(
      499,
    );
    expect(world.endpoint.tokenRequests).toBe(2);
    await clock.advance(1_000);
    world.endpoint.configure({ respond: undefined });
    const tokens = await Promise.all(times(500, (index) => manager.getToken(subjectOf(index))));
    expect(new Set(tokens.map(({ accessToken }) => accessToken)).size).toBe(500);
    expect(world.endpoint.tokenRequests).toBe(502);
  });
});

describe('a refusal of what one request asked for', () => {
  it.each(['invalid_scope', 'invalid_grant', 'invalid_target'])('(%s) holds back that request alone', async (error) => {
    const manager = world.manager({ provider: world.singleShot() });
    for (let count = 0; count < 2; count += 1) {
      world.endpoint.answerNext({ status: 400, json: { error } });
      expect(await rejection(manager.getToken({ scope: 'wrong' }))).toMatchObject({ error });
    }
    expect(await rejection(manager.getToken({ scope: 'wrong' }))).toMatchObject(heldBack);
    await manager.getToken();
    await manager.getToken({ scope: 'right' });
    expect(world.endpoint.tokenRequests).toBe(4);
  });

  it('a refusal of what one request asked for by a provider of one’s own holds back nobody else', async () => {
    const provider: TokenProvider = {
      fetchToken: async (context) => {
        if (context?.request.subject === 'nobody') throw new Error('nobody is not known');
        return new Token({ accessToken: `of-${context?.request.subject}` });
      },
    };
    const manager = world.manager({ provider });
    for (let count = 0; count < 5; count += 1) await rejection(manager.getToken({ subject: 'nobody' }));
    await expect(manager.getToken({ subject: 'alice' })).resolves.toMatchObject({ accessToken: 'of-alice' });
  });

  it('a refusal of what one request asked for of the client holds back all its requests', async () => {
    const manager = world.manager({ provider: world.singleShot({ clientSecret: 'wrong' }) });
    for (let index = 0; index < 2; index += 1)
      expect(await rejection<AuthenticationError>(manager.getToken(subjectOf(index)))).toMatchObject({
        error: 'invalid_client',
      });
    for (let index = 2; index < 50; index += 1)
      expect(await rejection(manager.getToken(subjectOf(index)))).toMatchObject(heldBack);
    expect(world.endpoint.tokenRequests).toBe(2);
  });
});
