import {
  ApiKeyAuth,
  AxiosTransport,
  CompositeAuth,
  createForgeClient,
  TokenAuth,
  TokenManager,
  type Authenticator,
  type Transport,
} from 'nestjs-forge-auth';
import { StaticTokenProvider } from 'nestjs-forge-auth';
import { UndiciTransport } from 'nestjs-forge-auth/undici';
import { startServer } from '../support/recording-server.js';

const manager = (): TokenManager => new TokenManager({ provider: new StaticTokenProvider('t0k3n') });

describe.each<[string, () => Transport]>([
  ['axios', () => new AxiosTransport()],
  ['undici', () => new UndiciTransport()],
])('the header of a credential over %s', (_transport, make) => {
  it.each<[string, () => Authenticator, string[]]>([
    ['an API key', () => new ApiKeyAuth('k'), ['X-API-Key']],
    ['an API key elsewhere', () => new ApiKeyAuth('k', { headerName: 'Ocp-Apim-KEY' }), ['Ocp-Apim-KEY']],
    ['an API key in lower case', () => new ApiKeyAuth('k', { headerName: 'x-key' }), ['x-key']],
    ['a token', () => new TokenAuth(manager(), { headerName: 'X-Shop-Token', scheme: '' }), ['X-Shop-Token']],
    [
      'both',
      () =>
        new CompositeAuth([new ApiKeyAuth('k'), new TokenAuth(manager(), { headerName: 'X-Tok' })], {
          strategy: 'all',
        }),
      ['X-API-Key', 'X-Tok', 'X-Own'],
    ],
  ])('keeps its case: %s', async (_name, auth, names) => {
    const server = await startServer((_request, res) => void res.end('{}'));
    const transport = make();
    const client = createForgeClient({
      name: 'orders',
      baseUrl: server.origin,
      auth: auth(),
      headers: { 'X-Own': 'o' },
      transport,
      hooks: {
        beforeRequest: ({ headers }) => {
          headers['X-Of-A-Hook'] = 'h';
        },
      },
    });
    await client.get('/');
    await client.fetch('/');
    await client.axiosRef.get('/');
    expect(server.requests).toHaveLength(3);
    for (const { rawHeaders } of server.requests)
      expect(rawHeaders).toEqual(expect.arrayContaining([...names, 'X-Of-A-Hook']));
    await client.close();
    await transport.close?.();
    await server.close();
  });
});
