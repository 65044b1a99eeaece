import { gql } from '@apollo/client';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { ClientCredentialsTokenProvider, type ForgeServiceOptions } from 'nestjs-forge-auth';
import { Wire } from '../client/wire.js';
import { json, send } from '../support/answer.js';
import { type Api, startApi } from '../support/api.js';
import { CLIENT, startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';
import { createApollo } from './clients/apollo.js';
import { overClient, withoutSignature } from './clients/aws-request-handler.js';
import { createElasticsearch } from './clients/elasticsearch.js';
import { createDrive } from './clients/googleapis.js';
import { createOctokit } from './clients/octokit.js';
import { createOpenAi } from './clients/openai.js';
import { createOrders } from './clients/openapi-fetch.js';
import { createOrder, getOrder } from './clients/orval-orders.js';
import { createStripe } from './clients/stripe.js';

const wire = new Wire();
let issuer: TokenEndpoint;
let api: Api;

beforeEach(async () => {
  issuer = wire.closeLater(await startTokenEndpoint());
  api = wire.closeLater(
    await startApi(issuer, {
      handler: ({ path }, response) => {
        if (path === '/aws/') return send(response, 200, CALLER_IDENTITY, { 'content-type': 'text/xml' });
        // The cluster's client talks to nothing else.
        response.setHeader('x-elastic-product', 'Elasticsearch');
        json(response, 200, ANSWERS[path] ?? { id: 7 });
      },
    }),
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
  '/orders/_search': { took: 1, timed_out: false, hits: { total: 7, hits: [] } },
  '/graphql': { data: { order: { __typename: 'Order', id: '7' } } },
};

const CALLER_IDENTITY = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult><Account>7</Account></GetCallerIdentityResult>
</GetCallerIdentityResponse>`;

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
  [
    'orval',
    () => {
      const service = client();
      return async () => (await getOrder(7, service)).id === 7;
    },
  ],
  [
    'Elasticsearch',
    () => {
      const search = createElasticsearch(client(), api.origin);
      return async () =>
        (await search.search({ index: 'orders', query: { match: { article: 'lamp' } } })).hits.total === 7;
    },
  ],
  [
    'Apollo',
    () => {
      const apollo = createApollo(client(), `${api.origin}/graphql`);
      const query = gql`
        query Order {
          order {
            id
          }
        }
      `;
      const context = { queryDeduplication: false };
      return async () =>
        (await apollo.query<{ order: { id: string } }>({ query, context, fetchPolicy: 'no-cache' })).data?.order.id ===
        '7';
    },
  ],
  [
    'googleapis',
    () => {
      const drive = createDrive(client(), `${api.origin}/`);
      return async () => String((await drive.files.get({ fileId: '7' })).data.id) === '7';
    },
  ],
  [
    'AWS SDK',
    () => {
      const sts = new STSClient({
        region: 'eu-central-1',
        endpoint: `${api.origin}/aws`,
        credentials: { accessKeyId: 'not-used', secretAccessKey: 'not-used' },
        maxAttempts: 1,
        requestHandler: overClient(client()),
        signer: withoutSignature,
      });
      return async () => (await sts.send(new GetCallerIdentityCommand())).Account === '7';
    },
  ],
];

describe.each(SDKS)('%s over our client', (_name, start) => {
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

describe('SDKs over our client', () => {
  it('SDKs over our client fail with errors of their own', async () => {
    const refused = {
      status: 404,
      headers: { 'x-elastic-product': 'Elasticsearch' },
      json: { error: { type: 'index_not_found_exception' } },
    };
    api.answerNext(refused);
    await expect(createElasticsearch(client(), api.origin).indices.get({ index: 'none' })).rejects.toMatchObject({
      name: 'ResponseError',
      statusCode: 404,
    });
    api.answerNext({ status: 404, json: { error: { code: 404, message: 'File not found.' } } });
    await expect(createDrive(client(), `${api.origin}/`).files.get({ fileId: 'none' })).rejects.toMatchObject({
      status: 404,
    });
    api.answerNext({ status: 404, json: { error: 'none' } });
    const { error, response } = await createOrders(client(), api.origin).GET('/orders/{id}', {
      params: { path: { id: 8 } },
    });
    expect([error, response.status]).toEqual([{ error: 'none' }, 404]);
    api.answerNext({ status: 409 });
    await expect(createOrder({ article: 'lamp' }, client())).rejects.toMatchObject({ isAxiosError: true, status: 409 });
  });

  it('SDKs over our client send what they wrote, below a path and with a query', async () => {
    const search = createElasticsearch(client(), `${api.origin}/prefix`);
    await search.bulk({ operations: [{ index: { _index: 'orders' } }, { article: 'Lämpchen' }], refresh: true });
    const request = api.server.requests.at(-1);
    expect(request?.url).toBe('/prefix/_bulk?refresh=true');
    expect(request?.body.toString()).toBe('{"index":{"_index":"orders"}}\n{"article":"Lämpchen"}\n');
  });
});
