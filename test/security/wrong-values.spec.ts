import { inspect } from 'node:util';
import {
  BearerAuth,
  BodyTokenFetcher,
  createForgeClient,
  type ForgeHttpClient,
  type ForgeServiceOptions,
  isForgeAuthError,
  type Token,
  type TokenFetcher,
} from 'nestjs-forge-auth';
import { UndiciTransport } from 'nestjs-forge-auth/undici';
import { type RecordingServer, startServer } from '../support/recording-server.js';

/** Nothing but its being known would give it away. */
const SECRET = 'plain words of a secret';

let server: RecordingServer;

beforeAll(async () => {
  server = await startServer((_request, response) => void response.end('{}'));
});
afterAll(() => server.close());

const client = (options: Partial<ForgeServiceOptions> = {}): ForgeHttpClient =>
  createForgeClient(
    { name: 'orders', baseUrl: server.origin, auth: new BearerAuth('token'), ...options },
    { revealCauses: false },
  );
const get = (options: Partial<ForgeServiceOptions>): Promise<unknown> => client(options).get('/orders');
const pipeline = (steps: unknown[], more: object = {}): Promise<unknown> =>
  get({ auth: { pipeline: { steps, ...more } } as never });
const asking = (name: string, dependsOn: string[]): TokenFetcher => ({
  name: 'app',
  dependsOn,
  fetch: async (context) => context?.token(name) as Token,
});
const step = (): BodyTokenFetcher => new BodyTokenFetcher({ name: 'app', baseUrl: server.origin });

describe('an option that a secret came into is named without it', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['a glob', () => get({ excludedPathPatterns: [`${SECRET}{`] })],
    ['a glob that looks like a path', () => get({ excludedPathPatterns: [`/${SECRET}[z-a]`] })],
    ['a negated glob', () => get({ excludedPathPatterns: [`!${SECRET}`] })],
    ['an exact path', () => get({ excludedPaths: [`${SECRET}*`] })],
    ['an exact path with a query', () => get({ excludedPaths: [`${SECRET}?a=b`] })],
    ['a step', () => pipeline([step(), SECRET])],
    ['a step that is depended on', () => pipeline([asking('app', [SECRET])])],
    ['the step of the result', () => pipeline([step()], { resultStep: SECRET })],
    ['a step whose token is asked for', () => pipeline([asking(SECRET, [])])],
    ['a function that makes the authentication', () => get({ auth: throwing as never })],
    ['another service', () => get({ auth: { tokenManager: SECRET } })],
    ['the signal of a call', () => client().get('/orders', { signal: SECRET as never })],
    [
      'the signal of a call, by the words of a symbol',
      () => client().get('/orders', { signal: Symbol(SECRET) as never }),
    ],
    ['a limit of undici', async () => new UndiciTransport({ maxContentLength: Symbol(SECRET) as never })],
    ['the URL of an axios call', () => client().axiosRef.get(new Error(SECRET) as never)],
    ['the URL of an axios call, as user info', () => client().axiosRef.get(`//user:${encodeURI(SECRET)}@h.example/`)],
    ['the base of an axios call', () => client().axiosRef.get('/orders', { baseURL: `word: ${SECRET}` })],
    ['the base of a service', () => get({ baseUrl: `word: ${SECRET}` })],
  ])('%s', async (_where, attempt) => {
    const error = await attempt().then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expect([error, error?.cause].some((one) => isForgeAuthError(one))).toBe(true);
    for (let shown: unknown = error; shown instanceof Error; shown = shown.cause)
      expect(`${shown.message} ${shown.stack ?? ''} ${inspect(shown, { showHidden: true, depth: 9 })}`).not.toMatch(
        /words.{1,3}of/,
      );
    expect(JSON.stringify(error)).not.toContain('words of');
  });
});

function throwing(): never {
  throw new Error(SECRET);
}
