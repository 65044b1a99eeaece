import { http, HttpResponse } from 'msw';
import { setupServer } from 'msw/node';
import { ClientCredentialsTokenProvider, createForgeClient } from 'nestjs-forge-auth';

const server = setupServer(
  http.post('https://login.example/token', () => HttpResponse.json({ access_token: 'a-token', expires_in: 3600 })),
  http.get('https://orders.example/orders/:id', ({ request, params }) =>
    request.headers.get('authorization') === 'Bearer a-token'
      ? HttpResponse.json({ id: Number(params['id']) })
      : new HttpResponse(null, { status: 401 }),
  ),
);

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }));
afterAll(() => server.close());

it('calls a service with a token', async () => {
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
});
