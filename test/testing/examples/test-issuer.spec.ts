import { Test } from '@nestjs/testing';
import { ClientCredentialsTokenProvider, ForgeAuthModule, ForgeAuthService } from 'nestjs-forge-auth';
import { FakeClock, ForgeTestingModule, TestIssuer } from 'nestjs-forge-auth/testing';

it('renews a token before it expires, and lives with an issuer that fails', async () => {
  await using issuer = await TestIssuer.start({ expiresInMs: 600_000 });
  const clock = new FakeClock();
  const provider = new ClientCredentialsTokenProvider({
    tokenUrl: issuer.tokenUrl,
    clientId: 'app',
    clientSecret: 'app-secret',
  });
  const app = await Test.createTestingModule({
    imports: [
      ForgeAuthModule.forRoot({
        services: [{ name: 'orders', baseUrl: 'https://orders.example', auth: { provider } }],
      }),
      ForgeTestingModule.forRoot({ clock, issuer }),
    ],
  }).compile();
  await app.init();
  const tokens = app.get(ForgeAuthService).tokens('orders');

  const first = await tokens.getToken();
  await clock.advance(601_000);
  const second = await tokens.getToken();
  expect(second.accessToken).not.toBe(first.accessToken);
  expect(issuer.tokenRequests).toBe(2);

  issuer.failNext(1, 'invalid_client');
  await expect(tokens.forceRefresh()).rejects.toMatchObject({ error: 'invalid_client' });
  expect((await tokens.getToken()).accessToken).toBe(second.accessToken);
  await app.close();
});
