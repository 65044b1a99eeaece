import {
  ApiKeyAuth,
  BearerAuth,
  type ForgeServiceOptions,
  InvalidRequestError,
  StaticTokenProvider,
} from 'nestjs-forge-auth';
import type { RecordingServer } from '../support/recording-server.js';
import { rejection } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';
import { Wire } from './wire.js';

const wire = new Wire();
afterEach(() => wire.close());

const OURS = 'Bearer ours';
const sent = (server: RecordingServer, header = 'authorization'): unknown[] =>
  server.requests.map(({ headers }) => headers[header]);

async function start(options: Partial<ForgeServiceOptions> = {}) {
  const logger = recordingLogger();
  const server = await wire.server();
  const client = wire.client(server, { auth: { provider: new StaticTokenProvider('ours') }, ...options }, { logger });
  return { logger, server, client };
}

describe('replaceCredential', () => {
  it('takes off what a library insists on, on every face', async () => {
    const { server, client, logger } = await start({ replaceCredential: true });
    const headers = { Authorization: 'Bearer theirs' };
    await client.get('/', { headers });
    await client.fetch(`${server.origin}/`, { headers });
    await client.axiosRef.get('/', { headers });
    await client.axiosRef.create({ headers }).get('/');
    await new Promise((resolve, reject) => {
      client.httpService.get('/', { headers }).subscribe({ complete: () => resolve(undefined), error: reject });
    });
    expect(sent(server)).toEqual([OURS, OURS, OURS, OURS, OURS]);
    expect(logger.warnings).toEqual([]);
  });

  it('replaces a token that the service rejects, as always', async () => {
    let token = 'old';
    const provider = {
      fetchToken: async () => (await import('nestjs-forge-auth')).Token.fromResponse({ access_token: token }),
    };
    const { client, server } = await start({ auth: { provider }, replaceCredential: true });
    server.handler = ({ headers }, response) => {
      token = 'new';
      response.writeHead(headers['authorization'] === 'Bearer new' ? 200 : 401).end('{}');
    };
    await client.get('/', { headers: { authorization: 'theirs' } });
    expect(sent(server)).toEqual(['Bearer old', 'Bearer new']);
  });

  it('takes off an Authorization header beside a key in a header of its own', async () => {
    const { server, client } = await start({ auth: new ApiKeyAuth('ours'), replaceCredential: true });
    await client.get('/', { headers: { authorization: 'Bearer theirs', 'X-API-Key': 'theirs' } });
    expect(sent(server)).toEqual([undefined]);
    expect(sent(server, 'x-api-key')).toEqual(['ours']);
  });

  it('leaves calls alone that say auth: false, and a header that is none of a credential', async () => {
    const { server, client } = await start({ replaceCredential: true });
    await client.get('/', { auth: false, headers: { authorization: 'Bearer theirs' } });
    await client.get('/', { headers: { 'x-trace': 'mine' } });
    expect(sent(server)).toEqual(['Bearer theirs', OURS]);
    expect(sent(server, 'x-trace')).toEqual([undefined, 'mine']);
  });

  it('sends excluded paths without any', async () => {
    const { server, client } = await start({ replaceCredential: true, excludedPaths: ['/health'] });
    await client.get('/health', { headers: { authorization: 'Bearer theirs' } });
    expect(sent(server)).toEqual([undefined]);
  });
});

describe('without replaceCredential', () => {
  it('a credential of the call’s own wins, and one warning names the header and the option', async () => {
    const { server, client, logger } = await start();
    for (let call = 0; call < 3; call += 1)
      await client.get('/', { headers: { authorization: 'Bearer their-secret' } });
    expect(sent(server)).toEqual(['Bearer their-secret', 'Bearer their-secret', 'Bearer their-secret']);
    expect(logger.warnings).toHaveLength(1);
    expect(logger.warnings[0]).toContain('Service "orders"');
    expect(logger.warnings[0]).toContain('authorization');
    expect(logger.warnings[0]).toContain('replaceCredential: true');
    expect(logger.warnings[0]).not.toContain('their-secret');
  });

  it('nothing warns of calls without one', async () => {
    const { client, logger } = await start();
    await client.get('/');
    await client.get('/', { auth: new BearerAuth('a') });
    expect(logger.warnings).toEqual([]);
  });
});

describe('an option of a call that does not exist is refused', () => {
  it.each([
    ['timeout', { timeout: 5 }, 'timeoutMs'],
    ['retries', { retries: 2 }, 'retry'],
    ['query', { query: {} }, 'params'],
    ['body', { body: {} }, 'data'],
    ['json', { json: {} }, 'data'],
    ['header', { header: {} }, 'headers'],
    ['scope', { scope: 'read' }, 'auth: { scope'],
    ['subjectToken', { subjectToken: 'secret' }, 'auth: { subjectToken'],
    ['auth.scopes', { auth: { scopes: ['read'] } }, 'auth.scope'],
    ['auth.subject_token', { auth: { subject_token: 'secret' } }, 'auth.subjectToken'],
  ])('%s', async (written, config, meant) => {
    const { server, client } = await start();
    const error = await rejection(client.get('/', config as never));
    expect(error).toBeInstanceOf(InvalidRequestError);
    expect(error).toMatchObject({ serviceName: 'orders' });
    expect(error.message).toContain(`there is no option ${written}. Did you mean ${meant}`);
    expect(error.message).not.toContain('secret');
    expect(server.requests).toHaveLength(0);
  });
});
