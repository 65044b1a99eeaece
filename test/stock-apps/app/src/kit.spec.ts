import { ClientCredentialsTokenProvider, createForgeClient, InMemoryTokenStorage } from 'nestjs-forge-auth';
import {
  FakeClock,
  RecordingForgeClient,
  staticToken,
  TestIssuer,
  tokenStorageContract,
} from 'nestjs-forge-auth/testing';

describe('the testing kit', () => {
  it('the testing kit has an issuer, which a client gets its token from', async () => {
    const issuer = await TestIssuer.start();
    const client = createForgeClient({
      name: 'userinfo',
      baseUrl: issuer.url,
      auth: {
        provider: new ClientCredentialsTokenProvider({
          issuer: issuer.url,
          clientId: 'app',
          clientSecret: 'app-secret',
        }),
      },
    });
    expect((await client.get('/userinfo')).data).toEqual({ sub: 'app' });
    expect(issuer.tokenRequests).toBe(1);
    await client.close();
    await issuer.close();
  });

  it('the testing kit has a client that records, a clock, a token and contracts', async () => {
    const orders = new RecordingForgeClient().answer('GET', '/orders/7', { data: { id: 7 } });
    expect((await orders.get('/orders/7')).data).toEqual({ id: 7 });
    await expect(orders.get('/orders/8')).rejects.toThrow('There are: GET /orders/7.');
    const clock = new FakeClock({ now: 0 });
    await clock.advance(5);
    expect([clock.now(), staticToken().accessToken]).toEqual([5, 'test-token']);
    for (const check of Object.values(tokenStorageContract)) await check(new InMemoryTokenStorage());
  });
});
