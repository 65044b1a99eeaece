import { firstValueFrom } from 'rxjs';
import { BearerAuth, createForgeClient, type ForgeHttpClient } from 'nestjs-forge-auth';
import { type RecordingServer, startServer } from '../support/recording-server.js';

type Ask = (client: ForgeHttpClient, url: string) => Promise<unknown>;

const faces: [name: string, ask: Ask][] = [
  ['client.get', (client, url) => client.get(url)],
  ['axiosRef', (client, url) => client.axiosRef.get(url)],
  ['axiosRef with its own base URL', (client, url) => client.axiosRef.get('', { baseURL: url })],
  ['axiosRef below a base URL alone', (client, url) => client.axiosRef.get(url, { allowAbsoluteUrls: false })],
  ['httpService', (client, url) => firstValueFrom(client.httpService.get(url))],
  ['fetch', (client, url) => client.fetch(url)],
  ['fetch with a Request', async (client, url) => client.fetch(new Request(url))],
  ['requestMany', (client, url) => client.requestMany([{ url }], { failFast: true })],
];

/** URLs that try to get to the stranger at `host`, past whoever thinks that they are the service's own. */
const hostile: [name: string, url: (service: URL, stranger: URL) => string][] = [
  ['another origin', (_service, stranger) => stranger.href],
  ['no scheme', (_service, { host }) => `//${host}/x`],
  ['three slashes', (_service, { host }) => `///${host}/x`],
  ['backslashes', (_service, { host }) => `\\\\${host}\\x`],
  ['a slash and a backslash', (_service, { host }) => `/\\${host}/x`],
  ['a backslash after the scheme', (_service, { host }) => `http:\\\\${host}/x`],
  ['one slash after the scheme', (_service, { host }) => `http:/${host}/x`],
  ['no slash after the scheme', (_service, { host }) => `http:${host}/x`],
  ['capitals', (_service, { host }) => `HTTP://${host}/x`],
  ['the service as a user', ({ hostname }, { host }) => `http://${hostname}@${host}/x`],
  ['the service as user and password', ({ host }, { host: other }) => `http://${host}:x@${other}/x`],
  ['a backslash before the at sign', ({ host }, { host: other }) => `http://${host}\\@${other}/x`],
  ['an encoded at sign', ({ hostname }, { host }) => `http://${hostname}%40${host}/x`],
  ['the service in the fragment', ({ host }, { host: other }) => `http://${other}/#@${host}/`],
  ['the service in the query', ({ host }, { host: other }) => `http://${other}?@${host}/`],
  ['a tab in the scheme', (_service, { host }) => `ht\ttp://${host}/x`],
  ['a tab after the slash', (_service, { host }) => `/\t/${host}/x`],
  ['a line break', (_service, { host }) => `\n//${host}/x`],
  ['a space before it', (_service, { host }) => ` //${host}/x`],
  ['a null byte', (_service, { host }) => `\0//${host}/x`],
  ['a full-width slash', (_service, { host }) => `http:／／${host}/x`],
  ['another port', ({ hostname }, { port }) => `http://${hostname}:${port}/x`],
  ['dots that climb', (_service, { host }) => `/../../${host}/x`],
  ['encoded dots that climb', (_service, { host }) => `/%2e%2e//${host}/x`],
  ['another scheme', (_service, { host }) => `https://${host}/x`],
  ['a file', () => 'file:///etc/passwd'],
  ['data', () => 'data:text/plain,x'],
  ['a socket', () => 'unix:/var/run/docker.sock:/x'],
  ['a script', () => 'javascript:alert(1)'],
];

describe.each(faces)('%s', (_name, ask) => {
  let service: RecordingServer;
  let stranger: RecordingServer;
  let client: ForgeHttpClient;

  beforeAll(async () => {
    [service, stranger] = await Promise.all([startServer(ok), startServer(ok)]);
    client = createForgeClient({
      name: 'own',
      baseUrl: `${service.origin}/api`,
      auth: new BearerAuth('own-credential'),
    });
  });

  afterAll(async () => {
    await client.close();
    await Promise.all([service.close(), stranger.close()]);
  });

  it.each(hostile)('takes its credential nowhere by %s', async (_trick, url) => {
    const target = url(new URL(service.origin), new URL(stranger.origin));
    await ask(client, target).catch(() => undefined);
    expect(stranger.requests).toEqual([]);
  });
});

function ok(_request: unknown, response: { end(body: string): void }): void {
  response.end('ok');
}
