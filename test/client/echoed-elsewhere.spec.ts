import { BasicAuth, BearerAuth, createForgeClient } from 'nestjs-forge-auth';
import { type RecordingServer, startServer } from '../support/recording-server.js';

const TOKEN = 'cnry-token-98765';
const PASSWORD = 'cnry-password-4321';
const PARAM = 'cnry-param-1234';

let own: RecordingServer;
let other: RecordingServer;
let location = '';

beforeEach(async () => {
  other = await startServer((_request, res) => void res.end('{}'));
  own = await startServer((_request, res) => void res.writeHead(302, { location }).end());
});
afterEach(async () => {
  await own.close();
  await other.close();
});

const base64 = (text: string): string => Buffer.from(text).toString('base64url');

describe('a redirect elsewhere that echoes', () => {
  it.each<[string, string]>([
    ['a token in Base64', `/?s=${base64(TOKEN)}`],
    ['a token in JSON in Base64', `/?state=${base64(JSON.stringify({ token: TOKEN }))}`],
    ['a token in upper case', `/?t=${TOKEN.toUpperCase()}`],
    ['a token in hexadecimal', `/?t=${Buffer.from(TOKEN).toString('hex')}`],
    ['a token in Base64 in its path', `/x/${base64(TOKEN)}/y`],
    ['a parameter in Base64', `/?p=${base64(PARAM)}`],
    ['a parameter in hexadecimal in its path', `/${Buffer.from(PARAM).toString('hex')}`],
  ])('%s, carries none of it', async (_what, path) => {
    location = other.origin + path;
    const client = createForgeClient({
      name: 'orders',
      baseUrl: own.origin,
      auth: new BearerAuth(TOKEN),
      params: { own: PARAM },
    });
    await client.get('/', { validateStatus: null });
    expect(other.requests.map(({ url }) => url).filter((url) => url !== '/')).toEqual([]);
    await client.close();
  });

  it('the password of Basic credentials carries none of it', async () => {
    location = `${other.origin}/?p=${PASSWORD}`;
    const client = createForgeClient({
      name: 'orders',
      baseUrl: own.origin,
      auth: new BasicAuth('me', PASSWORD),
    });
    await client.get('/', { validateStatus: null });
    expect(other.requests.map(({ url }) => url).filter((url) => url !== '/')).toEqual([]);
    await client.close();
  });
});
