import { Test } from '@nestjs/testing';
import {
  BodyTokenFetcher,
  CompositeAuth,
  ConfigurationError,
  ForgeAuthModule,
  ForgeAuthService,
  type ForgeServiceOptions,
  PipelineTokenProvider,
  StaticTokenProvider,
  type TokenAuthOptions,
  TokenFetchPipeline,
} from 'nestjs-forge-auth';

const nothing = (): void => undefined;
const silent = { log: nothing, warn: nothing, error: nothing };
const ENDPOINT = 'http://127.0.0.1:1';

const last = (): BodyTokenFetcher => new BodyTokenFetcher({ name: 'user', baseUrl: ENDPOINT, dependsOn: ['app'] });

/** Ways to make the tokens of a service with those of another. */
const WAYS: Record<string, (other: string) => ForgeServiceOptions['auth']> = {
  'a step': (tokenManager) => ({ pipeline: { steps: [{ name: 'app', tokenManager }, last()] } }),
  'a step of a pipeline that is a provider': (tokenManager) => ({
    provider: new PipelineTokenProvider({
      pipeline: new TokenFetchPipeline({ steps: [last(), { name: 'app', tokenManager }] }),
    }),
  }),
  'a step of a composite’s member': (tokenManager) =>
    new CompositeAuth<TokenAuthOptions>([{ pipeline: { steps: [{ name: 'app', tokenManager }] } }]),
};
const BY_NAME = (tokenManager: string): ForgeServiceOptions['auth'] => ({ tokenManager });

const service = (name: string, auth: ForgeServiceOptions['auth']): ForgeServiceOptions => ({
  name,
  baseUrl: ENDPOINT,
  ...(auth === undefined ? undefined : { auth }),
});

type Registration = (services: ForgeServiceOptions[]) => object[];

const REGISTRATIONS: Record<string, Registration> = {
  forRoot: (services) => [ForgeAuthModule.forRoot({ services })],
  forRootAsync: (services) => [
    ForgeAuthModule.forRootAsync({
      services: services.map(({ name }) => name),
      useFactory: async () => ({ services }),
    }),
  ],
  forFeature: (services) => services.map((given) => ForgeAuthModule.forFeature(given)),
  forFeatureAsync: (services) =>
    services.map((given) => ForgeAuthModule.forFeatureAsync({ name: given.name, useFactory: async () => given })),
};

async function start(imports: object[]) {
  const app = await Test.createTestingModule({ imports: imports as never[] })
    .setLogger(silent)
    .compile();
  return app.init();
}

async function refusal(imports: object[]): Promise<Error> {
  try {
    const app = await start(imports);
    await app.close();
  } catch (error) {
    return error as Error;
  }
  throw new Error('it started');
}

describe.each(Object.entries(REGISTRATIONS))('with %s, a start is refused', (_name, register) => {
  it.each(Object.entries(WAYS))(
    'a start is refused for services whose tokens are made with each other’s, by %s',
    async (_way, auth) => {
      for (const circle of [['one'], ['one', 'two'], ['one', 'two', 'three']]) {
        const services = circle.map((name, index) =>
          service(name, auth(circle[(index + 1) % circle.length] as string)),
        );
        const error = await refusal(register([service('other', BY_NAME('one')), ...services]));
        expect(error).toBeInstanceOf(ConfigurationError);
        expect(error).toMatchObject({ serviceName: 'one' });
        expect(error.message).toBe(
          `Service "one": step "app": tokenManager names a circle: ${[...circle, 'one'].join(' → ')}.`,
        );
      }
    },
  );

  it('a start is refused for a circle of a step and a manager by name', async () => {
    for (const names of [['one', 'two'] as const, ['two', 'one'] as const]) {
      const services = [service(names[0], BY_NAME(names[1])), service(names[1], WAYS['a step']?.(names[0]))];
      const error = await refusal(register(services));
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error.message).toMatch(/tokenManager names a circle: (?:one → two → one|two → one → two)\.$/);
    }
  });
});

it('a start is not refused for services that share one, nor for a second member that is made with the first', async () => {
  const app = await start([
    ForgeAuthModule.forRoot({
      services: [
        service(
          'base',
          new CompositeAuth<TokenAuthOptions>([
            { provider: new StaticTokenProvider('base') },
            { tokenManager: 'left' },
          ]),
        ),
        service('left', { pipeline: { steps: [{ name: 'app', tokenManager: 'base' }] } }),
        service('right', { pipeline: { steps: [{ name: 'app', tokenManager: 'base' }] } }),
        service('both', {
          pipeline: {
            steps: [
              { name: 'left', tokenManager: 'left' },
              { name: 'right', tokenManager: 'right', dependsOn: ['left'] },
            ],
          },
        }),
      ],
    }),
  ]);
  expect((await app.get(ForgeAuthService).tokens('both').getToken()).accessToken).toBe('base');
  await app.close();
});
