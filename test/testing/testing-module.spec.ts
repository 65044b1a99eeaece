import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  ClientCredentialsTokenProvider,
  ForgeAuthModule,
  type ForgeHttpClient,
  ForgeAuthService,
  getForgeClientToken,
  InjectForgeClient,
} from 'nestjs-forge-auth';
import {
  FakeClock,
  ForgeTestingModule,
  RecordingForgeClient,
  staticToken,
  TestIssuer,
} from 'nestjs-forge-auth/testing';

@Injectable()
class Orders {
  constructor(@InjectForgeClient('orders') readonly client: ForgeHttpClient) {}
}

describe('ForgeTestingModule', () => {
  it('hands its clock to a whole app, wherever it is imported, and its issuer to whoever injects it', async () => {
    await using issuer = await TestIssuer.start();
    issuer.expireIn(600_000);
    const clock = new FakeClock();
    const provider = new ClientCredentialsTokenProvider({
      tokenUrl: issuer.tokenUrl,
      clientId: 'app',
      clientSecret: 'app-secret',
    });
    const app = await Test.createTestingModule({
      imports: [
        ForgeAuthModule.forRoot({ services: [{ name: 'orders', baseUrl: 'http://orders.test', auth: { provider } }] }),
        ForgeTestingModule.forRoot({ clock, issuer }),
      ],
    }).compile();
    await app.init();
    expect(app.get(TestIssuer)).toBe(issuer);
    const tokens = app.get(ForgeAuthService).tokens('orders');
    const first = await tokens.getToken();
    expect(first.expiresAt).toBe(clock.now() + 600_000);
    await clock.advance(600_001);
    expect(issuer.isValid(first.accessToken)).toBe(false);
    expect((await tokens.getToken()).accessToken).not.toBe(first.accessToken);
    expect(issuer.tokenRequests).toBe(2);
    await app.close();
  });

  it('a testing module stands alone', async () => {
    const app = await Test.createTestingModule({ imports: [ForgeTestingModule.forRoot()] }).compile();
    await app.init();
    await app.close();
  });

  it('leaves room for a client that records, in the place of an injected one', async () => {
    const orders = new RecordingForgeClient({ name: 'orders' }).answer('GET', '/orders/7', { data: { id: 7 } });
    const app = await Test.createTestingModule({
      imports: [ForgeAuthModule.forFeature({ name: 'orders', baseUrl: 'https://orders.example' })],
      providers: [Orders],
    })
      .overrideProvider(getForgeClientToken('orders'))
      .useValue(orders)
      .compile();
    expect((await app.get(Orders).client.get('/orders/7')).data).toEqual({ id: 7 });
    await app.close();
  });
});

describe('staticToken', () => {
  it('makes a token that is good until it is rejected, or for the lifetime that it is given', () => {
    expect(staticToken()).toMatchObject({ accessToken: 'test-token', tokenType: 'Bearer', expiresAt: undefined });
    expect(staticToken('other', { expiresAt: 5, refreshToken: 'r' })).toMatchObject({
      accessToken: 'other',
      expiresAt: 5,
      refreshToken: 'r',
    });
  });
});
