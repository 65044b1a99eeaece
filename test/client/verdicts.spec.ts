import { Readable } from 'node:stream';
import {
  type AuthenticatedRequest,
  type Authenticator,
  CompositeAuth,
  type CredentialVerdict,
  type ForgeHttpClient,
  SimpleAuthRetryStrategy,
} from 'nestjs-forge-auth';
import { give } from '../support/answer.js';
import type { RecordingServer } from '../support/recording-server.js';
import { Wire } from './wire.js';

const wire = new Wire();
let server: RecordingServer;
beforeEach(async () => {
  server = await wire.server();
});
afterEach(() => wire.close());

/** Writes how many requests it has written, and answers one verdict after the other, the last for ever. */
class Judge implements Authenticator {
  readonly credentialHeaders = ['x-number'];
  readonly judged: { status: number; replays: number }[] = [];
  readonly #verdicts: CredentialVerdict[];
  #written = 0;

  constructor(
    verdicts: CredentialVerdict[],
    readonly retry?: Authenticator['retry'],
  ) {
    this.#verdicts = verdicts;
  }

  authenticate({ headers }: AuthenticatedRequest): void {
    headers['x-number'] = String((this.#written += 1));
  }

  onResponse({ status }: { status: number }, { replays }: AuthenticatedRequest): CredentialVerdict {
    this.judged.push({ status, replays });
    return this.#verdicts[Math.min(this.judged.length, this.#verdicts.length) - 1] ?? 'accepted';
  }
}

const clientOf = (auth: Authenticator): ForgeHttpClient => wire.client(server, { auth });
const numbers = (): unknown[] => server.requests.map(({ headers }) => headers['x-number']);

describe('the verdict of an authenticator', () => {
  it('the verdict of an authenticator is asked about every answer, whatever its status', async () => {
    const judge = new Judge(['accepted']);
    const client = clientOf(judge);
    for (const status of [200, 404, 500]) {
      server.handler = (_request, response) => give(response, { status });
      await client.get('/', { validateStatus: null });
    }
    expect(judge.judged.map(({ status }) => status)).toEqual([200, 404, 500]);
  });

  it.each<[string, CredentialVerdict[], number]>([
    ['accepted', ['accepted'], 1],
    ['rejected', ['rejected'], 1],
    ['one resend', ['resend', 'accepted'], 2],
    ['a replacement', ['replaced', 'accepted'], 2],
    ['a resend after a replacement', ['resend', 'replaced', 'resend', 'accepted'], 4],
    ['resends without end', ['resend'], 4],
    ['replacements without end', ['replaced'], 2],
  ])('decides how often a request is sent: %s', async (_name, verdicts, sent) => {
    const judge = new Judge(verdicts);
    await expect(clientOf(judge).post('/', { a: 1 })).resolves.toMatchObject({ status: 200, attempts: 1 });
    expect(numbers()).toEqual(Array.from({ length: sent }, (_, index) => String(index + 1)));
    expect(server.requests.map(({ text }) => text)).toEqual(Array.from({ length: sent }, () => '{"a":1}'));
  });

  it('counts replacements against the strategy, and no resend', async () => {
    const judge = new Judge(
      ['resend', 'replaced', 'resend', 'replaced', 'replaced'],
      new SimpleAuthRetryStrategy({ maxRetries: 2 }),
    );
    await clientOf(judge).get('/');
    expect(judge.judged.map(({ replays }) => replays)).toEqual([0, 0, 1, 1, 2]);
  });

  it('sends a body that can be read only once no second time', async () => {
    const judge = new Judge(['resend']);
    await expect(clientOf(judge).post('/', Readable.from(['once']))).resolves.toMatchObject({ status: 200 });
    expect(server.requests.map(({ text }) => text)).toEqual(['once']);
  });

  it.each([{ placed: 'of a service' }, { placed: 'of one call' }])(
    'works for an authenticator $placed',
    async ({ placed }) => {
      const judge = new Judge(['resend', 'accepted']);
      if (placed === 'of a service') await clientOf(judge).get('/');
      else await wire.client(server).get('/', { auth: judge });
      expect(numbers()).toEqual(['1', '2']);
    },
  );

  it.each(['first_match', 'all'] as const)('works for a member of a composite: %s', async (strategy) => {
    const judge = new Judge(['resend', 'accepted']);
    const other: Authenticator = { authenticate: ({ headers }) => void (headers['x-other'] = 'o') };
    await clientOf(new CompositeAuth([judge, other], { strategy })).get('/');
    expect(numbers()).toEqual(['1', '2']);
  });

  it('the verdict of an authenticator is not asked where the call brings one of the headers itself', async () => {
    const judge = new Judge(['resend']);
    await clientOf(judge).get('/', { headers: { 'X-Number': 'own' } });
    expect(numbers()).toEqual(['own']);
    expect(judge.judged).toEqual([]);
  });

  it('frees the connection of an answer that is sent again', async () => {
    server.handler = (_request, response) => {
      if (server.count() === 1) response.writeHead(401).write('unread');
      else give(response, { json: {} });
    };
    const { data } = await clientOf(new Judge(['resend', 'accepted'])).get<Readable>('/', { responseType: 'stream' });
    for await (const chunk of data) expect(String(chunk)).toBe('{}');
    expect(server.count()).toBe(2);
  });
});
