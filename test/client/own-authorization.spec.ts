import {
  ApiKeyAuth,
  type Authenticator,
  type AuthOption,
  BearerAuth,
  CompositeAuth,
  type ForgeHttpClient,
  type ForgeServiceOptions,
  InvalidRequestError,
} from 'nestjs-forge-auth';
import { lastValueFrom } from 'rxjs';
import type { RecordingServer } from '../support/recording-server.js';
import { rejection } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';
import { oauth1, OwnAuth, useCredentials } from './credentials.js';

const world = useCredentials();

/** Authenticators that write no header. */
const KINDS: Record<string, () => AuthOption> = {
  'a token in the query': () => ({ provider: world.provider(), placement: 'uri' }),
  'a token in the form': () => ({ provider: world.provider(), placement: 'body' }),
  'a key in the query': () => new ApiKeyAuth('ours', { in: 'query', headerName: 'key' }),
  'an OAuth 1 signature in the query': () => oauth1('query'),
  'an OAuth 1 signature in the form': () => oauth1('body'),
  'an authenticator of the app’s own that names its parameter': () => new OwnAuth(true),
  'an authenticator of the app’s own that names nothing': () => new OwnAuth(false),
  'a composite of one': () => new CompositeAuth([new ApiKeyAuth('ours', { in: 'query', headerName: 'key' })]),
};

const THEIRS = { Authorization: 'Bearer theirs' };
const DATA = { a: 'b' };

/** Posts a form with the given headers, by each face. */
const FACES: Record<string, (client: ForgeHttpClient, headers: Record<string, string>) => Promise<unknown>> = {
  client: (client, headers) => client.post('/start', new URLSearchParams(DATA), { headers }),
  axiosRef: (client, headers) => client.axiosRef.post('/start', new URLSearchParams(DATA), { headers }),
  httpService: (client, headers) =>
    lastValueFrom(client.httpService.post('/start', new URLSearchParams(DATA), { headers })),
  fetch: async (client, headers) => {
    const response = await client.fetch(`${world.server.origin}/start`, {
      method: 'POST',
      headers,
      body: new URLSearchParams(DATA),
    });
    if (!response.ok) throw new Error(String(response.status));
  },
};

describe.each(Object.entries(KINDS))('%s, and a call with an Authorization header of its own', (kind, auth) => {
  it.each(Object.entries(FACES))('%s sends that alone, and its 401 says nothing of ours', async (_face, post) => {
    const logger = recordingLogger();
    const client = world.wire.client(world.server, { auth: auth() }, { logger });
    world.server.handler = (_request, response) => void response.writeHead(401).end();
    for (let turn = 0; turn < 2; turn += 1) await rejection(post(client, THEIRS));
    expect(world.server.requests.map(({ url, body }) => `${url} ${body.toString()}`)).toEqual([
      '/start a=b',
      '/start a=b',
    ]);
    expect(world.server.requests.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer theirs',
      'Bearer theirs',
    ]);
    expect(world.endpoint.tokenRequests).toBe(0);
    const warning = expect.stringMatching(/brings the header authorization itself/);
    expect(logger.warnings).toEqual(kind === 'a composite of one' ? [] : [warning]);
  });

  it('sends ours where the service says replaceCredential, and where the header is one of its options', async () => {
    const services: Partial<ForgeServiceOptions>[] = [
      { replaceCredential: true },
      { headers: { authorization: 'Basic Z2F0ZXdheTpzZWNyZXQ=' } },
    ];
    for (const options of services) {
      const client = world.wire.client(world.server, { auth: auth(), ...options });
      await FACES['client']?.(client, options.replaceCredential === true ? THEIRS : {});
      const { url, body, headers } = world.server.requests.at(-1) as RecordingServer['requests'][number];
      expect(`${url} ${body.toString()}`).not.toBe('/start a=b');
      expect(headers.authorization).toBe(options.headers?.['authorization']);
    }
  });

  it('sends neither after a redirect elsewhere and back, and theirs after one at home', async () => {
    const other = await world.wire.server((_request, response) => {
      response.writeHead(302, { location: `${world.server.origin}/end` }).end();
    });
    const client = world.wire.client(world.server, { auth: auth() });
    for (const [location, expected] of [
      ['/end', 'Bearer theirs'],
      [`${other.origin}/away`, undefined],
    ]) {
      world.server.handler = ({ url }, response) => {
        if (url === '/end') response.writeHead(200).end('{}');
        else response.writeHead(303, { location }).end();
      };
      await FACES['client']?.(client, THEIRS);
      expect(world.server.requests.at(-1)).toMatchObject({ url: '/end' });
      expect(world.server.requests.at(-1)?.headers.authorization).toBe(expected);
    }
    expect(world.endpoint.tokenRequests).toBe(0);
  });

  it('refuses a blank one', async () => {
    const client = world.wire.client(world.server, { auth: auth() });
    expect(await rejection(client.get('/', { headers: { authorization: ' ' } }))).toBeInstanceOf(InvalidRequestError);
    expect(world.server.requests).toHaveLength(0);
  });
});

describe('a composite', () => {
  it('a composite of which one writes the header leaves that one, and writes the other', async () => {
    const client = world.wire.client(world.server, {
      auth: new CompositeAuth<Authenticator>(
        [new BearerAuth('ours'), new ApiKeyAuth('ours', { in: 'query', headerName: 'key' })],
        { strategy: 'all' },
      ),
    });
    await client.get('/', { headers: THEIRS });
    await client.get('/');
    expect(world.server.requests.map(({ url, headers }) => `${url} ${headers.authorization}`)).toEqual([
      '/?key=ours Bearer theirs',
      '/?key=ours Bearer ours',
    ]);
  });

  it('replaces what a call brings in a header of a member, where the service says replaceCredential', async () => {
    const auth = new CompositeAuth<Authenticator>([new ApiKeyAuth('ours')]);
    const client = world.wire.client(world.server, { auth, replaceCredential: true });
    await client.get('/', { headers: { 'X-API-Key': 'theirs' } });
    expect(world.server.requests[0]?.headers['x-api-key']).toBe('ours');
  });
});

it('a hook that writes the header takes the place of a token in the query', async () => {
  const client = world.wire.client(world.server, {
    auth: { provider: world.provider(), placement: 'uri' },
    hooks: { beforeRequest: ({ headers }) => void (headers['authorization'] = 'Bearer of-the-hook') },
  });
  await client.get('/start');
  expect(world.server.requests.map(({ url, headers }) => `${url} ${headers.authorization}`)).toEqual([
    '/start Bearer of-the-hook',
  ]);
});

it('a key in a header of its own goes out beside it: a gateway’s key and a caller’s token are two', async () => {
  const client = world.wire.client(world.server, { auth: new ApiKeyAuth('ours') });
  await client.get('/', { headers: THEIRS });
  expect(world.server.requests[0]?.headers).toMatchObject({ 'x-api-key': 'ours', authorization: 'Bearer theirs' });
});
