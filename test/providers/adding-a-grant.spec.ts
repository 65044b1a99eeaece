import { genericGrantRequest } from 'openid-client';
import type { GrantOptions, Token } from 'nestjs-forge-auth';
import { GRANT_RULES } from '../../src/providers/grant-options.js';
import type { Grant, GrantExchange } from '../../src/providers/grants/grant.js';
import { OAuthTokenProvider } from '../../src/providers/grants/oauth.provider.js';
import { standaloneScope } from '../../src/token/standalone.js';
import type { BoundTokenProvider } from '../../src/token/token-provider.js';
import { CLIENT } from '../support/token-endpoint.js';
import { rejection } from '../support/async.js';
import { World } from '../tokens/world.js';

const world = new World();
afterEach(() => world.close());

/** A grant of one POST. */
class CustomTokenProvider extends OAuthTokenProvider<GrantOptions> {
  protected readonly rules = GRANT_RULES;

  protected grantOf(): Grant {
    return {
      grantType: 'urn:example:custom',
      parameters: ({ request }) => ({ proof: `for ${String(request.scope)}`, several: ['a', 'b'] }),
      keyParts: () => [],
    };
  }
}

/** A grant of several requests, some of which are refused on the way. */
class PollingTokenProvider extends OAuthTokenProvider<GrantOptions> {
  readonly #obtain: (exchange: GrantExchange) => Promise<Token>;

  constructor(options: GrantOptions, obtain: (exchange: GrantExchange) => Promise<Token>) {
    super(options);
    this.#obtain = obtain;
  }

  protected readonly rules = GRANT_RULES;

  protected grantOf(): Grant {
    return {
      grantType: 'urn:example:polling',
      parameters: () => ({}),
      obtain: this.#obtain,
      keyParts: () => [],
      rerunnable: false,
      deadlineMs: 600_000,
      secretInKey: false,
    };
  }
}

describe('a grant of one’s own', () => {
  it('writes its parameters, and has everything else done around it', async () => {
    await world.start();
    const manager = world.manager({
      provider: new CustomTokenProvider({ tokenUrl: world.endpoint.url, ...CLIENT, audience: 'api' }),
    });
    await manager.getToken({ scope: ['read', 'write'] });
    const [request] = world.endpoint.server.requests;
    expect([...(request?.form() ?? [])]).toEqual([
      ['proof', 'for read,write'],
      ['several', 'a'],
      ['several', 'b'],
      ['scope', 'read write'],
      ['audience', 'api'],
      ['grant_type', 'urn:example:custom'],
    ]);
    expect(request?.headers.authorization).toMatch(/^Basic /);
  });

  it('a grant of one’s own may ask several times, and reads each refusal by its code', async () => {
    await world.start();
    world.endpoint.answerNext({ status: 400, json: { error: 'authorization_pending' } });
    const refusals: unknown[] = [];
    const provider = new PollingTokenProvider({ tokenUrl: world.endpoint.url, ...CLIENT }, async (exchange) => {
      const poll = () => exchange.requestToken({ device_code: 'd' });
      refusals.push(await rejection(poll()));
      return poll();
    });
    await world.manager({ provider }).getToken();
    expect(refusals).toMatchObject([{ error: 'authorization_pending', status: 400 }]);
    expect(world.endpoint.grantTypes).toEqual(['urn:example:polling', 'urn:example:polling']);
  });

  it('gets headers and a raw 400 where it asks for them', async () => {
    await world.start();
    const answer = { error: 'authorization_pending', interval: 7 };
    world.endpoint.answerNext({
      status: 400,
      json: answer,
      headers: { 'x-trace': 'abc', 'www-authenticate': 'Basic' },
    });
    const seen: unknown[] = [];
    const provider = new PollingTokenProvider({ tokenUrl: world.endpoint.url, ...CLIENT }, async (exchange) => {
      const { result, response } = await exchange.exchange.send({
        verb: 'Poll',
        raw: true,
        perform: (configuration) =>
          genericGrantRequest(configuration, 'urn:example:raw', {}).catch((error: { error?: string }) => error.error),
      });
      seen.push(result, response.status, response.headers['x-trace'], response.body);
      return exchange.requestToken({});
    });
    await world.manager({ provider }).getToken();
    expect(seen).toEqual(['authorization_pending', 400, 'abc', answer]);
  });

  it('says what its tokens are worth: no way to get them again, a deadline of its own, a key without the secret', async () => {
    await world.start();
    const options = { tokenUrl: world.endpoint.url, ...CLIENT };
    const bind = (provider: PollingTokenProvider): Promise<BoundTokenProvider> =>
      provider.bind(standaloneScope({ name: 'orders' }, 'a test', 'orders'));
    const bound = await bind(new PollingTokenProvider(options, async () => Promise.reject(new Error('unused'))));
    const rotated = await bind(
      new PollingTokenProvider({ ...options, clientSecret: 'another' }, async () =>
        Promise.reject(new Error('unused')),
      ),
    );
    expect(bound).toMatchObject({ rerunnable: false, deadlineMs: 600_000 });
    expect(await bound.keyParts?.()).toEqual(await rotated.keyParts?.());
  });
});
