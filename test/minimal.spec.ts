import type { INestApplication } from '@nestjs/common';
import { startApi } from './support/api.js';
import { CLIENT, startTokenEndpoint } from './support/token-endpoint.js';

it('the minimal sample calls a protected service', async () => {
  const endpoint = await startTokenEndpoint();
  const api = await startApi(endpoint);
  const before = { ...process.env };
  Object.assign(process.env, {
    ORDERS_URL: api.origin,
    TOKEN_URL: endpoint.url,
    CLIENT_ID: CLIENT.clientId,
    CLIENT_SECRET: CLIENT.clientSecret,
    PORT: '0',
  });
  let app: INestApplication | undefined;
  try {
    ({ app } = (await import('../sample/minimal/main.js')) as { app: INestApplication });
    const answers = await Promise.all([1, 2, 3].map(async (id) => fetch(`${await app?.getUrl()}/orders/${id}`)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(api.server.requests.map(({ path }) => path).toSorted()).toEqual(['/orders/1', '/orders/2', '/orders/3']);
    expect(endpoint.tokenRequests).toBe(1);
  } finally {
    await app?.close();
    process.env = before;
    await api.close();
    await endpoint.close();
  }
});
