import {
  ApiKeyAuth,
  type Authenticator,
  type AuthOption,
  BearerAuth,
  CompositeAuth,
  type ForgeRequest,
  InvalidRequestError,
} from 'nestjs-forge-auth';
import type { RecordingServer } from '../support/recording-server.js';
import { rejection } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';
import { oauth1, OwnAuth, useCredentials } from './credentials.js';

const world = useCredentials();

const form = (fields: Record<string, string>): ForgeRequest => ({
  method: 'POST',
  data: new URLSearchParams({ a: 'b', ...fields }),
});

const blank = (text: string): string => text.replace(/=theirs/g, '=');

interface Case {
  readonly auth: () => AuthOption;
  /** A call that brings a credential of its own, and where it stands on the wire. */
  readonly call: () => ForgeRequest;
  readonly theirs: string;
}

const CASES: Record<string, Case> = {
  'a token in the query': {
    auth: () => ({ provider: world.provider(), placement: 'uri' }),
    call: () => ({ url: '/start?x=1&access_token=theirs' }),
    theirs: 'access_token=theirs',
  },
  'a token in params': {
    auth: () => ({ provider: world.provider(), placement: 'uri' }),
    call: () => ({ params: { access_token: 'theirs' } }),
    theirs: 'access_token=theirs',
  },
  'a token in the query, its name encoded': {
    auth: () => ({ provider: world.provider(), placement: 'uri' }),
    call: () => ({ url: '/start?access%5Ftoken=theirs' }),
    theirs: 'access%5Ftoken=theirs',
  },
  'a token in the form': {
    auth: () => ({ provider: world.provider(), placement: 'body' }),
    call: () => form({ access_token: 'theirs' }),
    theirs: 'access_token=theirs',
  },
  'a token in a form made for each attempt': {
    auth: () => ({ provider: world.provider(), placement: 'body' }),
    call: () => ({ method: 'POST', data: () => new URLSearchParams({ access_token: 'theirs' }) }),
    theirs: 'access_token=theirs',
  },
  'a token in a form of bytes': {
    auth: () => ({ provider: world.provider(), placement: 'body' }),
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
  it('a parameter that a call brings is sent as it is, and its 401 neither renews nor rejects ours', async () => {
    const logger = recordingLogger();
    const client = world.wire.client(world.server, { auth: auth() }, { logger });
    world.server.handler = (_request, response) => void response.writeHead(401).end();
    for (let turn = 0; turn < 2; turn += 1) await rejection(client.request({ url: '/start', ...call() }));
    expect(world.server.requests).toHaveLength(2);
    for (const { url = '', body, headers } of world.server.requests) {
      expect(`${url} ${body.toString()}`).toContain(theirs);
      expect(headers.authorization).toBeUndefined();
    }
    expect(world.endpoint.tokenRequests).toBe(0);
    expect(logger.warnings).toEqual([expect.stringMatching(/brings the parameter \w.* itself/)]);
    expect(logger.warnings.join()).not.toContain('theirs');
  });

  it('a parameter that a call brings is not replaced by ours when a redirect drops it: at home, and elsewhere and back', async () => {
    const other = await world.wire.server((_request, response) => {
      response.writeHead(302, { location: `${world.server.origin}/end` }).end();
    });
    const client = world.wire.client(world.server, { auth: auth() });
    for (const location of ['/end', `${other.origin}/away`]) {
      world.server.handler = ({ url }, response) => {
        if (url === '/end') response.writeHead(200).end('{}');
        else response.writeHead(303, { location }).end();
      };
      await client.request({ url: '/start', ...call() });
      expect(world.server.requests.at(-1)?.url).toBe('/end');
      expect(world.server.requests.at(-1)?.headers.authorization).toBeUndefined();
    }
    expect(world.endpoint.tokenRequests).toBe(0);
  });

  it('a parameter that a call brings is replaced where the service says replaceCredential', async () => {
    const client = world.wire.client(world.server, { auth: auth(), replaceCredential: true });
    const config = call();
    const { data } = config;
    await client.request({ url: '/start', ...config, data: Buffer.isBuffer(data) ? data.toString() : data });
    const [{ url = '', body }] = world.server.requests as [RecordingServer['requests'][number]];
    expect(`${url} ${body.toString()}`).not.toContain('theirs');
  });

  it('a parameter that a call brings, and that is blank, is refused', async () => {
    const client = world.wire.client(world.server, { auth: auth() });
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
    expect(world.server.requests).toHaveLength(0);
  });
});

describe('a parameter of the service’s', () => {
  it('a parameter of the service’s that a redirect names is written over: it is none of the call', async () => {
    const client = world.wire.client(world.server, { auth: { provider: world.provider(), placement: 'uri' } });
    world.server.handler = ({ url = '' }, response) => {
      if (url.startsWith('/end')) response.writeHead(200).end('{}');
      else response.writeHead(302, { location: '/end?access_token=of-another-day' }).end();
    };
    await client.get('/start');
    expect(world.server.requests.at(-1)?.url).toMatch(/^\/end\?access_token=[^&]+$/);
    expect(world.server.requests.at(-1)?.url).not.toContain('of-another-day');
  });

  it('a parameter of the service’s of its own options is written over', async () => {
    const client = world.wire.client(world.server, {
      auth: new ApiKeyAuth('ours', { in: 'query', headerName: 'key' }),
      params: { key: 'default' },
    });
    await client.get('/start');
    expect(world.server.requests.at(-1)?.url).toBe('/start?key=ours');
  });
});

describe('a composite of which a call brings one credential', () => {
  it('leaves that one, and writes the other, whatever redirects come', async () => {
    const client = world.wire.client(world.server, {
      auth: new CompositeAuth<Authenticator>(
        [new BearerAuth('ours'), new ApiKeyAuth('ours', { in: 'query', headerName: 'key' })],
        { strategy: 'all' },
      ),
    });
    world.server.handler = ({ url = '' }, response) => {
      if (url.startsWith('/end')) response.writeHead(200).end('{}');
      else response.writeHead(302, { location: '/end' }).end();
    };
    await client.get('/start?key=theirs');
    await client.get('/start');
    expect(world.server.requests.map(({ url, headers }) => `${url} ${headers.authorization}`)).toEqual([
      '/start?key=theirs Bearer ours',
      '/end Bearer ours',
      '/start?key=ours Bearer ours',
      '/end?key=ours Bearer ours',
    ]);
  });
});
