import {
  ApiKeyAuth,
  type AuthenticatedRequest,
  type Authenticator,
  type AuthOption,
  BearerAuth,
  ClientCredentialsTokenProvider,
  CompositeAuth,
  type ForgeRequest,
  InvalidRequestError,
  OAuth1Auth,
} from 'nestjs-forge-auth';
import type { RecordingServer } from '../support/recording-server.js';
import { CLIENT, startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';
import { recordingLogger, rejection } from '../tokens/world.js';
import { Wire } from './wire.js';

const wire = new Wire();
let server: RecordingServer;
let endpoint: TokenEndpoint;
beforeEach(async () => {
  server = await wire.server();
  endpoint = wire.closeLater(await startTokenEndpoint());
});
afterEach(() => wire.close());

const provider = (): ClientCredentialsTokenProvider =>
  new ClientCredentialsTokenProvider({ tokenUrl: endpoint.url, ...CLIENT });
const oauth1 = (placement: 'header' | 'query' | 'body'): OAuth1Auth =>
  new OAuth1Auth({ clientId: 'c', clientSecret: 's', token: 't', tokenSecret: 'ts', placement });
const form = (fields: Record<string, string>): ForgeRequest => ({
  method: 'POST',
  data: new URLSearchParams({ a: 'b', ...fields }),
});

/** An authenticator of the app's own that says which parameter it writes. */
class OwnAuth implements Authenticator {
  readonly credentialParameters = { query: ['sig'] };
  authenticate(request: AuthenticatedRequest): void {
    const url = new URL(request.url);
    url.searchParams.set('sig', 'ours');
    request.url = url.href;
  }
}

const blank = (text: string): string => text.replace(/=theirs/g, '=');

interface Case {
  readonly auth: () => AuthOption;
  /** A call that brings a credential of its own, and where it stands on the wire. */
  readonly call: () => ForgeRequest;
  readonly theirs: string;
}

const CASES: Record<string, Case> = {
  'a token in the query': {
    auth: () => ({ provider: provider(), placement: 'uri' }),
    call: () => ({ url: '/start?x=1&access_token=theirs' }),
    theirs: 'access_token=theirs',
  },
  'a token in params': {
    auth: () => ({ provider: provider(), placement: 'uri' }),
    call: () => ({ params: { access_token: 'theirs' } }),
    theirs: 'access_token=theirs',
  },
  'a token in the query, its name encoded': {
    auth: () => ({ provider: provider(), placement: 'uri' }),
    call: () => ({ url: '/start?access%5Ftoken=theirs' }),
    theirs: 'access%5Ftoken=theirs',
  },
  'a token in the form': {
    auth: () => ({ provider: provider(), placement: 'body' }),
    call: () => form({ access_token: 'theirs' }),
    theirs: 'access_token=theirs',
  },
  'a token in a form made for each attempt': {
    auth: () => ({ provider: provider(), placement: 'body' }),
    call: () => ({ method: 'POST', data: () => new URLSearchParams({ access_token: 'theirs' }) }),
    theirs: 'access_token=theirs',
  },
  'a token in a form of bytes': {
    auth: () => ({ provider: provider(), placement: 'body' }),
    call: () => ({
      method: 'POST',
      headers: { 'content-type': 'Application/X-WWW-Form-UrlEncoded; charset=utf-8' },
      data: Buffer.from('access_token=theirs'),
    }),
    theirs: 'access_token=theirs',
  },
  'a key in the query': {
    auth: () => new ApiKeyAuth('ours', { in: 'query', headerName: 'api key' }),
    call: () => ({ url: '/start?api+key=theirs' }),
    theirs: 'api+key=theirs',
  },
  'an OAuth 1 signature in the query': {
    auth: () => oauth1('query'),
    call: () => ({ url: '/start?oauth_consumer_key=theirs&oauth_signature=theirs' }),
    theirs: 'oauth_consumer_key=theirs&oauth_signature=theirs',
  },
  'an OAuth 1 signature in the form': {
    auth: () => oauth1('body'),
    call: () => form({ oauth_consumer_key: 'theirs', oauth_signature: 'theirs' }),
    theirs: 'oauth_consumer_key=theirs&oauth_signature=theirs',
  },
  'an OAuth 1 signature in the query of a service that signs in the header': {
    auth: () => oauth1('header'),
    call: () => ({ url: '/start?oauth_signature=theirs' }),
    theirs: 'oauth_signature=theirs',
  },
  'a parameter of an authenticator of the app’s own': {
    auth: () => new OwnAuth(),
    call: () => ({ url: '/start?sig=theirs' }),
    theirs: 'sig=theirs',
  },
};

describe.each(Object.entries(CASES))('%s that a call brings', (_name, { auth, call, theirs }) => {
  it('is sent as it is, and its 401 neither renews nor rejects ours', async () => {
    const logger = recordingLogger();
    const client = wire.client(server, { auth: auth() }, { logger });
    server.handler = (_request, response) => void response.writeHead(401).end();
    for (let turn = 0; turn < 2; turn += 1) await rejection(client.request({ url: '/start', ...call() }));
    expect(server.requests).toHaveLength(2);
    for (const { url = '', body, headers } of server.requests) {
      expect(`${url} ${body.toString()}`).toContain(theirs);
      expect(headers.authorization).toBeUndefined();
    }
    expect(endpoint.tokenRequests).toBe(0);
    expect(logger.warnings).toEqual([expect.stringMatching(/brings the parameter \w.* itself/)]);
    expect(logger.warnings.join()).not.toContain('theirs');
  });

  it('is not replaced by ours when a redirect drops it: at home, and elsewhere and back', async () => {
    const other = await wire.server((_request, response) => {
      response.writeHead(302, { location: `${server.origin}/end` }).end();
    });
    const client = wire.client(server, { auth: auth() });
    for (const location of ['/end', `${other.origin}/away`]) {
      server.handler = ({ url }, response) => {
        if (url === '/end') response.writeHead(200).end('{}');
        else response.writeHead(303, { location }).end();
      };
      await client.request({ url: '/start', ...call() });
      expect(server.requests.at(-1)?.url).toBe('/end');
      expect(server.requests.at(-1)?.headers.authorization).toBeUndefined();
    }
    expect(endpoint.tokenRequests).toBe(0);
  });

  it('is replaced where the service says replaceCredential', async () => {
    const client = wire.client(server, { auth: auth(), replaceCredential: true });
    const config = call();
    const { data } = config;
    await client.request({ url: '/start', ...config, data: Buffer.isBuffer(data) ? data.toString() : data });
    const [{ url = '', body }] = server.requests as [RecordingServer['requests'][number]];
    expect(`${url} ${body.toString()}`).not.toContain('theirs');
  });

  it('that is blank is refused', async () => {
    const client = wire.client(server, { auth: auth() });
    const config = { url: '/start', ...call() };
    const error = await rejection(
      client.request({
        ...config,
        url: blank(config.url),
        ...(config.params === undefined ? undefined : { params: { access_token: '' } }),
        ...(config.data === undefined
          ? undefined
          : {
              headers: { 'content-type': 'application/x-www-form-urlencoded' },
              data: 'access_token=&oauth_signature=',
            }),
      }),
    );
    expect(error).toBeInstanceOf(InvalidRequestError);
    expect(server.requests).toHaveLength(0);
  });
});

describe('a parameter of the service’s', () => {
  it('that a redirect names is written over: it is none of the call', async () => {
    const client = wire.client(server, { auth: { provider: provider(), placement: 'uri' } });
    server.handler = ({ url = '' }, response) => {
      if (url.startsWith('/end')) response.writeHead(200).end('{}');
      else response.writeHead(302, { location: '/end?access_token=of-another-day' }).end();
    };
    await client.get('/start');
    expect(server.requests.at(-1)?.url).toMatch(/^\/end\?access_token=[^&]+$/);
    expect(server.requests.at(-1)?.url).not.toContain('of-another-day');
  });

  it('of its own options is written over', async () => {
    const client = wire.client(server, {
      auth: new ApiKeyAuth('ours', { in: 'query', headerName: 'key' }),
      params: { key: 'default' },
    });
    await client.get('/start');
    expect(server.requests.at(-1)?.url).toBe('/start?key=ours');
  });
});

describe('a composite of which a call brings one credential', () => {
  it('leaves that one, and writes the other, whatever redirects come', async () => {
    const client = wire.client(server, {
      auth: new CompositeAuth<Authenticator>(
        [new BearerAuth('ours'), new ApiKeyAuth('ours', { in: 'query', headerName: 'key' })],
        { strategy: 'all' },
      ),
    });
    server.handler = ({ url = '' }, response) => {
      if (url.startsWith('/end')) response.writeHead(200).end('{}');
      else response.writeHead(302, { location: '/end' }).end();
    };
    await client.get('/start?key=theirs');
    await client.get('/start');
    expect(server.requests.map(({ url, headers }) => `${url} ${headers.authorization}`)).toEqual([
      '/start?key=theirs Bearer ours',
      '/end Bearer ours',
      '/start?key=ours Bearer ours',
      '/end?key=ours Bearer ours',
    ]);
  });
});
