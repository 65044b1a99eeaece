import { ClientCredentialsTokenProvider, type ForgeServiceOptions } from 'nestjs-forge-auth';
import { Wire } from '../client/wire.js';
import { json } from '../support/answer.js';
import { type Api, startApi } from '../support/api.js';
import { CLIENT, startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';
import { createOctokit } from './clients/octokit.js';
import { createOpenAi } from './clients/openai.js';
import { createOrders } from './clients/openapi-fetch.js';
import { createStripe } from './clients/stripe.js';

const wire = new Wire();
let issuer: TokenEndpoint;
let api: Api;

beforeEach(async () => {
  issuer = wire.closeLater(await startTokenEndpoint());
  api = wire.closeLater(
    await startApi(issuer, { handler: ({ path }, response) => json(response, 200, ANSWERS[path] ?? { id: 7 }) }),
  );
});
afterEach(() => wire.close());

const ANSWERS: Record<string, unknown> = {
  '/v1/chat/completions': {
    id: 'c',
    object: 'chat.completion',
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'hello' } }],
  },
  '/v1/customers/7': { id: '7', object: 'customer' },
};

function client(options: Partial<ForgeServiceOptions> = {}) {
  const provider = new ClientCredentialsTokenProvider({ tokenUrl: issuer.url, ...CLIENT, allowInsecure: true });
  return wire.client(api, { auth: { provider }, ...options });
}

/** Each SDK with one call that it makes. */
const SDKS: readonly [name: string, call: () => () => Promise<unknown>][] = [
  [
    'OpenAI',
    () => {
      const openai = createOpenAi(client({ replaceCredential: true }), `${api.origin}/v1`);
      const messages = [{ role: 'user' as const, content: 'hi' }];
      return async () =>
        (await openai.chat.completions.create({ model: 'any', messages })).choices[0]?.message.content === 'hello';
    },
  ],
  [
    'Stripe',
    () => {
      const stripe = createStripe(client({ replaceCredential: true }), api.origin);
      return async () => (await stripe.customers.retrieve('7')).id === '7';
    },
  ],
  [
    'Octokit',
    () => {
      const octokit = createOctokit(client(), api.origin);
      return async () => (await octokit.request('GET /repositories/{id}', { id: 7 })).data.id === 7;
    },
  ],
  [
    'openapi-fetch',
    () => {
      const orders = createOrders(client(), api.origin);
      return async () => (await orders.GET('/orders/{id}', { params: { path: { id: 7 } } })).data?.id === 7;
    },
  ],
];

describe.each(SDKS)('%s over client.fetch', (_name, start) => {
  it('sends our token, requested once for ten calls at a time', async () => {
    const call = start();
    const answers = await Promise.all(Array.from({ length: 10 }, call));
    expect(answers).toEqual(Array.from({ length: 10 }, () => true));
    expect(issuer.tokenRequests).toBe(1);
    expect(new Set(api.server.requests.map(({ headers }) => headers.authorization))).toEqual(
      new Set([`Bearer ${issuer.issued[0]?.accessToken}`]),
    );
  });

  it('does not notice that its token was revoked', async () => {
    const call = start();
    await call();
    issuer.revokeAll();
    await expect(call()).resolves.toBe(true);
    expect(api.tokens).toEqual([0, 0, 1].map((index) => issuer.issued[index]?.accessToken));
  });
});
