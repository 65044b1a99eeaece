import nock from 'nock';
import { ClientCredentialsTokenProvider, createForgeClient } from 'nestjs-forge-auth';

afterEach(() => nock.cleanAll());
afterAll(() => nock.restore());

it('calls a service with a token', async () => {
  nock('https://login.example')
    .post('/token', { grant_type: 'client_credentials' })
    .basicAuth({ user: 'app', pass: 'app-secret' })
    .reply(200, { access_token: 'a-token', expires_in: 3600 });
  nock('https://orders.example', { reqheaders: { authorization: 'Bearer a-token' } })
    .get('/orders/7')
    .reply(200, { id: 7 });

  await using orders = createForgeClient({
    name: 'orders',
    baseUrl: 'https://orders.example',
    auth: {
      provider: new ClientCredentialsTokenProvider({
        tokenUrl: 'https://login.example/token',
        clientId: 'app',
        clientSecret: 'app-secret',
      }),
    },
  });
  expect((await orders.get('/orders/7')).data).toEqual({ id: 7 });
  expect(nock.isDone()).toBe(true);
});
