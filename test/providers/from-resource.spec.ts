import { ClientCredentialsTokenProvider, createForgeClient, TokenExchangeProvider } from 'nestjs-forge-auth';
import { json } from '../support/answer.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { CLIENT } from '../support/token-endpoint.js';
import { rejection } from '../support/async.js';
import { World } from '../tokens/world.js';

const world = new World();
afterEach(() => world.close());

/** An issuer, by discovery, in front of the world's token endpoint. */
const startIssuer = async (): Promise<RecordingServer> => {
  const issuer: RecordingServer = world.closeLater(
    await startServer((request, res) => {
      if (request.path.startsWith('/.well-known/'))
        json(res, 200, { issuer: issuer.origin, token_endpoint: world.endpoint.url });
      else json(res, 404, {});
    }),
  );
  return issuer;
};

/** A service below `/mcp` that names its issuer at its well-known place, or by a challenge alone. */
const startService = async (how: string, document: (origin: string) => object): Promise<RecordingServer> => {
  const wellKnown = how === 'challenge' ? '/elsewhere' : '/.well-known/oauth-protected-resource/mcp';
  const service: RecordingServer = world.closeLater(
    await startServer((request, res) => {
      if (request.path === wellKnown) json(res, 200, document(service.origin));
      else if (request.path.startsWith('/.well-known/')) json(res, 404, {});
      else if (request.headers.authorization === undefined) {
        res.setHeader('www-authenticate', `Bearer resource_metadata="${service.origin}${wellKnown}"`);
        json(res, 401, {});
      } else json(res, 200, {});
    }),
  );
  return service;
};

const clientOf = (service: RecordingServer) =>
  world.closeLater(
    createForgeClient({
      name: 'mcp',
      baseUrl: `${service.origin}/mcp`,
      auth: { provider: new ClientCredentialsTokenProvider({ issuer: 'from-resource', ...CLIENT }) },
    }),
  );

describe("issuer: 'from-resource'", () => {
  it.each([['well-known place'], ['challenge']])('finds the issuer by the %s of the service', async (how) => {
    await world.start();
    const issuer = await startIssuer();
    const service = await startService(how, (origin) => ({
      resource: `${origin}/mcp`,
      authorization_servers: [issuer.origin],
    }));
    const client = clientOf(service);
    await client.get('/tools');
    await client.get('/tools');
    expect(world.endpoint.tokenRequests).toBe(1);
    expect(world.endpoint.server.requests[0]?.form().get('resource')).toBe(`${service.origin}/mcp`);
    expect(service.requests.filter(({ path }) => path === '/mcp/tools')).toHaveLength(2);
  });

  it('takes no document that speaks for another service, or names nobody', async () => {
    await world.start();
    const issuer = await startIssuer();
    for (const document of [
      { resource: 'https://other.example/mcp', authorization_servers: [issuer.origin] },
      { authorization_servers: [] },
    ]) {
      const error = await rejection(clientOf(await startService('well-known place', () => document)).get('/tools'));
      expect(error.message).toMatch(/does not say who issues its tokens.*Give issuer or tokenUrl/);
    }
    expect(world.endpoint.tokenRequests).toBe(0);
  });

  it('sends no secret in the clear, nor to an issuer whose document is another’s', async () => {
    await world.start();
    for (const [issuer, message] of [
      ['http://issuer.example', /plain http/],
      [world.endpoint.server.origin, /./],
    ] as const) {
      const service = await startService('well-known place', (origin) => ({
        resource: `${origin}/mcp`,
        authorization_servers: [issuer],
      }));
      const error = await rejection(clientOf(service).get('/tools'));
      expect(error.message).toMatch(message);
      expect(service.requests.filter(({ path }) => path === '/mcp/tools')).toEqual([]);
    }
    expect(world.endpoint.tokenRequests).toBe(0);
  });

  it('serves every grant, and keeps apart what two services name', async () => {
    await world.start({ authenticate: () => true });
    const issuer = await startIssuer();
    const document = (origin: string): object => ({
      resource: `${origin}/mcp`,
      authorization_servers: [issuer.origin],
    });
    const storage = new Map<string, unknown>();
    for (const provider of [
      new ClientCredentialsTokenProvider({ issuer: 'from-resource', ...CLIENT }),
      new TokenExchangeProvider({ issuer: 'from-resource', ...CLIENT, subjectToken: 'of the caller' }),
    ]) {
      for (const service of [await startService('challenge', document), await startService('challenge', document)]) {
        const client = createForgeClient(
          { name: 'mcp', baseUrl: `${service.origin}/mcp`, auth: { provider } },
          { storage },
        );
        await world.closeLater(client).get('/tools');
      }
    }
    const resources = world.endpoint.server.requests.map((request) => request.form().get('resource'));
    expect(new Set(resources).size).toBe(4);
  });
});
