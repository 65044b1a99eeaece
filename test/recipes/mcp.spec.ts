import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { ClientCredentialsTokenProvider, type ForgeHttpClient, type TokenAuthOptions } from 'nestjs-forge-auth';
import { Wire } from '../client/wire.js';
import { json, send } from '../support/answer.js';
import { type Api, startApi } from '../support/api.js';
import type { Handler } from '../support/recording-server.js';
import { CLIENT, startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';
import { connectToMcp } from './clients/mcp.js';

const wire = new Wire();
let issuer: TokenEndpoint;
let api: Api;

beforeEach(async () => {
  issuer = wire.closeLater(await startTokenEndpoint());
  api = wire.closeLater(await startApi(issuer, { handler: mcp }));
});
afterEach(() => wire.close());

/** An MCP server without sessions, of the SDK's own. */
const mcp: Handler = async (request, response) => {
  if (request.method !== 'POST') return send(response, 405);
  const server = new McpServer({ name: 'clock', version: '1.0.0' });
  server.registerTool('now', {}, () => ({ content: [{ type: 'text', text: 'noon' }] }));
  const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true });
  await server.connect(transport as Transport);
  response.once('close', () => void server.close());
  await transport.handleRequest(request.replay(), response, request.json());
};

function client(auth: Partial<TokenAuthOptions> = {}): ForgeHttpClient {
  const provider = new ClientCredentialsTokenProvider({ tokenUrl: issuer.url, ...CLIENT, allowInsecure: true });
  return wire.client(api, { auth: { provider, ...auth } });
}

async function connect(over: ForgeHttpClient) {
  return wire.closeLater(await connectToMcp(over, `${api.origin}/mcp`));
}

const NOW = { content: [{ type: 'text', text: 'noon' }] };

describe('an MCP client over client.fetch', () => {
  it('calls a tool with our token', async () => {
    const connected = await connect(client());
    await expect(connected.callTool({ name: 'now' })).resolves.toEqual(NOW);
    expect(new Set(api.server.requests.map(({ headers }) => headers.authorization))).toEqual(
      new Set([`Bearer ${issuer.issued[0]?.accessToken}`]),
    );
  });

  it('requests one token for five clients that connect at once and call ten tools each', async () => {
    const shared = client();
    const connected = await Promise.all(Array.from({ length: 5 }, () => connect(shared)));
    await Promise.all(connected.flatMap((one) => Array.from({ length: 10 }, () => one.callTool({ name: 'now' }))));
    expect(issuer.tokenRequests).toBe(1);
    expect(api.unauthorized).toBe(0);
  });

  it('requests one further token when ten calls at once meet a revoked one', async () => {
    const connected = await connect(client());
    issuer.revokeAll();
    const answers = await Promise.all(Array.from({ length: 10 }, () => connected.callTool({ name: 'now' })));
    expect(answers).toEqual(Array.from({ length: 10 }, () => NOW));
    expect(issuer.tokenRequests).toBe(2);
  });

  it('asks once for the scope that a tool turns out to need', async () => {
    const connected = await connect(client({ stepUpScopes: ['tools:now'] }));
    // The client asks for a stream of events on its own, once it is connected.
    await api.server.received(3, '/mcp');
    api.answerNext({
      status: 403,
      headers: { 'www-authenticate': 'Bearer error="insufficient_scope", scope="tools:now"' },
    });
    await expect(connected.callTool({ name: 'now' })).resolves.toEqual(NOW);
    const scopes = issuer.server.requests.map((request) => request.form().get('scope'));
    expect(scopes).toEqual([null, 'tools:now']);
    expect(api.tokens.at(-1)).toBe(issuer.issued[1]?.accessToken);
  });

  it('finds the issuer by what the server says of itself, and asks it for a token for that server', async () => {
    const authorizationServer = await wire.server(({ path }, response) =>
      path.startsWith('/.well-known/')
        ? json(response, 200, { issuer: authorizationServer.origin, token_endpoint: issuer.url })
        : json(response, 404, {}),
    );
    const metadata = `${api.origin}/metadata`;
    api.configure({
      respond({ path, headers }) {
        if (path.startsWith('/.well-known/')) return { status: 404 };
        if (path === '/metadata')
          return { json: { resource: `${api.origin}/mcp`, authorization_servers: [authorizationServer.origin] } };
        if (headers.authorization !== undefined) return undefined;
        return { status: 401, headers: { 'www-authenticate': `Bearer resource_metadata="${metadata}"` } };
      },
    });
    const provider = new ClientCredentialsTokenProvider({ issuer: 'from-resource', ...CLIENT, allowInsecure: true });
    const found = wire.client({ origin: `${api.origin}/mcp` }, { auth: { provider } });
    const connected = await Promise.all(Array.from({ length: 5 }, () => connect(found)));
    await expect(connected[0]?.callTool({ name: 'now' })).resolves.toEqual(NOW);
    expect(api.server.count('/metadata')).toBe(1);
    expect(issuer.server.requests.map((request) => request.form().get('resource'))).toEqual([`${api.origin}/mcp`]);
  });
});
