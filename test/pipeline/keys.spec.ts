import { Agent } from 'node:http';
import {
  BodyTokenFetcher,
  type BodyTokenFetcherOptions,
  ClientCredentialsTokenProvider,
  InMemoryTokenStorage,
  type PipelineStepOption,
  Token,
  TokenFetchPipeline,
  type TokenFetcher,
} from 'nestjs-forge-auth';
import { give } from '../support/answer.js';
import { createCertificate } from '../support/certificate.js';
import { expectNoSecrets } from '../support/secrets.js';
import { startTokenEndpoint } from '../support/token-endpoint.js';
import { times } from '../support/async.js';
import { CheckingIssuer } from './checking-issuer.js';

let issuer: CheckingIssuer;

beforeEach(async () => {
  issuer = await CheckingIssuer.start();
});
afterEach(() => issuer.close());

/** Checks whether two pipelines on one storage, under one prefix, share the token of a step. */
async function share(one: PipelineStepOption[], other: PipelineStepOption[]): Promise<boolean> {
  const storage = new InMemoryTokenStorage();
  const tokens: Token[] = [];
  for (const steps of [one, other])
    tokens.push(await new TokenFetchPipeline({ steps, storage, cacheKeyPrefix: 'same' }).execute());
  return tokens[0]?.fingerprint === tokens[1]?.fingerprint;
}

let serial = 0;

class Own implements TokenFetcher {
  readonly name = 'own';
  readonly dependsOn: readonly string[] = [];
  constructor(
    readonly account: unknown,
    readonly injected: unknown = undefined,
  ) {}
  async fetch(): Promise<Token> {
    return new Token({ accessToken: `own-${(serial += 1)}` });
  }
}

const granting = (identity: readonly string[]): PipelineStepOption => ({
  name: 'own',
  provider: { fetchToken: async () => new Token({ accessToken: `granted-${(serial += 1)}` }), identity },
});

describe('a grant of its own kind as a step', () => {
  it('shares its token with one of the same identity, and with no other', async () => {
    expect(await share([granting(['acme'])], [granting(['acme'])])).toBe(true);
    expect(await share([granting(['acme'])], [granting(['globex'])])).toBe(false);
  });
});

describe('a step of its own kind', () => {
  it.each<[string, unknown, unknown, boolean]>([
    ['with the same account', 'alice', 'alice', true],
    ['with another account', 'alice', 'bob', false],
    ['with another user deep in a property', { user: { name: 'alice' } }, { user: { name: 'bob' } }, false],
    ['with another user in a list', [{ user: 'alice' }], [{ user: 'bob' }], false],
    ['with properties in another order', { a: 1, b: 2 }, { b: 2, a: 1 }, true],
  ])('%s', async (_what, one, other, shared) => {
    expect(await share([new Own(one)], [new Own(other)])).toBe(shared);
  });

  it('a step of its own kind is known by what it is given, and not by what was injected into it', async () => {
    class Service {
      counter = (serial += 1);
      self = this;
    }
    expect(await share([new Own('alice', new Service())], [new Own('alice', new Service())])).toBe(true);
  });

  it('shares its token with nobody where neither it nor the pipeline has a name to go by', async () => {
    const storage = new InMemoryTokenStorage();
    const run = async (): Promise<Token> => new TokenFetchPipeline({ steps: [new Own('alice')], storage }).execute();
    expect((await run()).fingerprint).not.toBe((await run()).fingerprint);
  });
});

function chain(user: string): BodyTokenFetcher[] {
  const device = issuer.fetcher('device', [], { requestData: { user } });
  return [device, issuer.fetcher('app', ['device']), issuer.fetcher('user', ['app'])];
}

function oneStep(options: Partial<BodyTokenFetcherOptions>): BodyTokenFetcher[] {
  return [issuer.fetcher('app', [], options)];
}

describe('a fetcher', () => {
  it('a fetcher never shares the token of another one upstream', async () => {
    expect(await share(chain('alice'), chain('alice'))).toBe(true);
    expect(await share(chain('alice'), chain('bob'))).toBe(false);
  });

  it('a fetcher never shares the token of another certificate, method, format or field', async () => {
    const { cert, key } = await createCertificate();
    const other = await createCertificate();
    const tls = { cert, key };
    expect(await share(oneStep({ tls }), oneStep({ tls }))).toBe(true);
    expect(await share(oneStep({ tls }), oneStep({ tls: { cert: other.cert, key: other.key } }))).toBe(false);
    expect(await share(oneStep({ method: 'POST' }), oneStep({ method: 'PUT' }))).toBe(false);
    expect(await share(oneStep({ bodyFormat: 'json' }), oneStep({ bodyFormat: 'form' }))).toBe(false);
    expect(await share(oneStep({}), oneStep({ refreshTokenField: 'other' }))).toBe(false);
  });

  it('a fetcher with agents or a transport of its own shares its token with those of the same identity alone', async () => {
    const axios = { httpAgent: new Agent() };
    expect(await share(oneStep({ axios }), oneStep({ axios }))).toBe(false);
    expect(await share(oneStep({ axios, identity: 'acme' }), oneStep({ axios, identity: ['acme'] }))).toBe(true);
    expect(await share(oneStep({ axios, identity: 'acme' }), oneStep({ axios, identity: 'globex' }))).toBe(false);
    expect(await share(oneStep({ axios: { proxy: false } }), oneStep({ axios: { proxy: false } }))).toBe(true);
  });

  it('a fetcher of another class is another one', async () => {
    const options = { name: 'app', baseUrl: issuer.server.origin, endpoint: 'app' };
    class Other extends BodyTokenFetcher {}
    expect(await share([new BodyTokenFetcher(options)], [new Other(options)])).toBe(false);
  });
});

it('a grant as a step shares its token with the same client, and with no other secret', async () => {
  const clients = { one: 'first-secret', two: 'second-secret' };
  const endpoint = await startTokenEndpoint({ clients });
  try {
    const step = (clientId: keyof typeof clients): PipelineStepOption[] => {
      const grant = { tokenUrl: endpoint.url, clientId, clientSecret: clients[clientId] };
      return [{ name: 'app', provider: new ClientCredentialsTokenProvider(grant) }, issuer.fetcher('user', ['app'])];
    };
    issuer.server.handler = (_request, response) => {
      give(response, { json: { access_token: `user-${(serial += 1)}` } });
    };
    expect(await share(step('one'), step('one'))).toBe(true);
    expect(await share(step('one'), step('two'))).toBe(false);
  } finally {
    await endpoint.close();
  }
});

it('a storage key holds no secret, in whatever form', async () => {
  const secrets = ['cnry-client-secret-1', 'cnry-header-secret-2', 'cnry-identity-3', 'cnry-property-secret-4'];
  const storage = new Map<string, string>();
  const steps = [
    issuer.fetcher('app', [], {
      requestData: { client_secret: secrets[0] },
      requestHeaders: { 'X-Key': secrets[1] ?? '' },
    }),
    issuer.fetcher('user', ['app'], { identity: [secrets[2] ?? ''] }),
    { ...new Own(secrets[3]), dependsOn: ['user'], fetch: async () => new Token({ accessToken: 'own' }) },
  ];
  await new TokenFetchPipeline({ steps, storage, cacheKeyPrefix: 'myapp' }).execute();
  expect(storage.size).toBe(3);
  for (const key of storage.keys()) expect(key).toMatch(/^forge-auth:myapp:[\w-]{43}$/);
  expectNoSecrets([...storage.keys()].join('\n'), secrets);
});

it('a graph of many layers is keyed and run without walking each of its paths', async () => {
  const layers = times(18, (layer) => times(3, (index) => `l${layer}-${index}`));
  const steps = layers.flatMap((names, layer) =>
    names.map((name) => issuer.fetcher(name, layers[layer - 1] ?? [], { identity: [name], requestHeaders: {} })),
  );
  await new TokenFetchPipeline({ steps }).execute();
  expect(Object.keys(issuer.counts)).toHaveLength(54);
  expect(new Set(Object.values(issuer.counts))).toEqual(new Set([1]));
});
