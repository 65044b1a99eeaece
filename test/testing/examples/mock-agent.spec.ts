import { ClientCredentialsTokenProvider, createForgeClient } from 'nestjs-forge-auth';
import { UndiciTransport } from 'nestjs-forge-auth/undici';
import { MockAgent } from 'undici';

it('calls a service with a token', async () => {
  const agent = new MockAgent();
  agent.disableNetConnect();
  agent
    .get('https://login.example')
    .intercept({ method: 'POST', path: '/token' })
    .reply(200, { access_token: 'a-token', expires_in: 3600 });
  agent
    .get('https://orders.example')
    .intercept({ path: '/orders/7', headers: { authorization: 'Bearer a-token' } })
    .reply(200, { id: 7 });

  await using orders = createForgeClient({
    name: 'orders',
    baseUrl: 'https://orders.example',
    transport: new UndiciTransport(agent),
    auth: {
      provider: new ClientCredentialsTokenProvider({
        tokenUrl: 'https://login.example/token',
        clientId: 'app',
        clientSecret: 'app-secret',
        http: { transport: new UndiciTransport(agent) },
      }),
    },
  });
  expect((await orders.get('/orders/7')).data).toEqual({ id: 7 });
  agent.assertNoPendingInterceptors();
});
