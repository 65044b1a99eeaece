import { Test, type TestingModule } from '@nestjs/testing';
import {
  BodyTokenFetcher,
  ClientCredentialsTokenProvider,
  ForgeAuthModule,
  ForgeAuthService,
  NoRetryStrategy,
} from 'nestjs-forge-auth';
import { TestIssuer } from 'nestjs-forge-auth/testing';

const NAMES = [
  '__proto__',
  'constructor',
  'toJSON',
  '</script><img src=x>',
  'a "quote", a \\ and a \u2028 line',
  'data: x\n\nevent: y',
  'x'.repeat(2_000),
];

let issuer: TestIssuer;
let app: TestingModule;
let services: ForgeAuthService;
beforeEach(async () => {
  issuer = await TestIssuer.start();
  const step = (name: string, dependsOn: string[] = []): BodyTokenFetcher =>
    new BodyTokenFetcher({
      name,
      dependsOn,
      baseUrl: issuer.url,
      endpoint: '/token',
      requestData: { grant_type: 'client_credentials', client_id: 'app', client_secret: 'a-secret-of-the-app' },
    });
  app = await Test.createTestingModule({
    imports: [
      ForgeAuthModule.forRoot({
        services: [
          ...NAMES.map((name) => ({
            name,
            baseUrl: 'https://orders.example',
            auth: {
              provider: new ClientCredentialsTokenProvider({
                tokenUrl: issuer.tokenUrl,
                clientId: name.length > 100 ? 'long' : 'app',
                clientSecret: 'a-secret-of-the-app',
                scope: `s${NAMES.indexOf(name)}`,
                retry: new NoRetryStrategy(),
              }),
            },
          })),
          { name: 'piped', auth: { pipeline: { steps: [step('__proto__'), step('"]; click x', ['__proto__'])] } } },
        ],
      }),
    ],
  }).compile();
  app.useLogger(false);
  await app.init();
  services = app.get(ForgeAuthService);
});
afterEach(async () => {
  await app.close();
  await issuer.close();
});

/** Has the service of the worst name fail to renew its token. */
async function failOnce(): Promise<void> {
  issuer.failNext(1, 'invalid_client');
  await services
    .tokens('__proto__')
    .forceRefresh()
    .catch(() => undefined);
}

it('the state of services with hostile names is what JSON makes of it, one line, and each has its own', async () => {
  for (const name of NAMES) await services.tokens(name).getToken();
  await services.tokens('piped').getToken();
  await failOnce();
  const state = services.describe();
  const text = JSON.stringify(state);
  expect(text).not.toContain('\n');
  expect(JSON.parse(text)).toEqual(state);
  expect(state.services.map(({ name }) => name)).toEqual([...NAMES, 'piped']);
  for (const { name, token } of state.services)
    expect([name, token?.held, token?.lastFailure?.code]).toEqual([
      name,
      true,
      name === '__proto__' ? 'FORGE_AUTH_TOKEN_REFUSED' : undefined,
    ]);
  expect(({} as Record<string, unknown>)['lastFailure']).toBeUndefined();
});

it('whoever changes a state changes nothing but a copy', async () => {
  await services.tokens('__proto__').getToken();
  await services.tokens('piped').getToken();
  await failOnce();
  const at = { at: 0 };
  const before = JSON.stringify({ ...services.describe(), ...at }).replaceAll(
    /"(ageMs|expiresInMs|secondsToExpiry)":\d+/g,
    '',
  );
  spoil(services.describe());
  const after = JSON.stringify({ ...services.describe(), ...at }).replaceAll(
    /"(ageMs|expiresInMs|secondsToExpiry)":\d+/g,
    '',
  );
  expect(after).toBe(before);
});

/** Writes over everything that can be written to. */
function spoil(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, member] of Object.entries(value)) {
    spoil(member);
    if (!Object.isFrozen(value)) (value as Record<string, unknown>)[key] = 'spoilt';
  }
  if (Array.isArray(value) && !Object.isFrozen(value)) value.length = 0;
}

it('a service whose client was closed says so', async () => {
  expect(services.describe().services[0]).not.toHaveProperty('closed');
  await services.client('constructor').close();
  expect(services.describe().services.map(({ closed }) => closed)).toEqual([
    undefined,
    true,
    ...Array.from({ length: NAMES.length - 1 }, () => undefined),
  ]);
  await app.close();
  expect(new Set(services.describe().services.map(({ closed }) => closed))).toEqual(new Set([true]));
});
