import { ConfigModule, ConfigService } from '@nestjs/config';
import {
  ApiKeyAuth,
  BasicAuth,
  BearerAuth,
  ClientCredentialsTokenProvider,
  ForgeAuthModule,
  ForgeAuthService,
  HttpClientConfigBuilder,
  PasswordGrantTokenProvider,
  StaticTokenProvider,
  type ForgeServiceOptions,
} from 'nestjs-forge-auth';
import { startApi } from '../support/api.js';
import { CLIENT, startTokenEndpoint } from '../support/token-endpoint.js';
import { boot, bootFailure } from './boot.js';

/** A ConfigModule that knows these variables, and no others. */
function configOf(variables: Readonly<Record<string, string>>): Promise<object> {
  return ConfigModule.forRoot({ ignoreEnvFile: true, ignoreEnvVars: true, load: [() => variables] }) as Promise<object>;
}

type Make = (config: ConfigService) => Omit<ForgeServiceOptions, 'name'>;

/** Returns the error that an app fails to start with whose only service is made of an empty configuration. */
async function failureOf(make: Make): Promise<Error> {
  const config = await configOf({});
  const feature = ForgeAuthModule.forFeatureAsync({
    name: 'orders',
    imports: [config as never],
    inject: [ConfigService],
    useFactory: make,
  });
  return bootFailure({ imports: [feature] });
}

/** Reads a variable that is not set. */
const get = (config: ConfigService): string => config.get<string>('NOT_SET') as string;

const GRANT = { tokenUrl: 'https://issuer.example/token', clientId: 'client', clientSecret: 'secret' };

it('configures a service from ConfigService', async () => {
  const endpoint = await startTokenEndpoint();
  const api = await startApi(endpoint);
  const config = await configOf({
    ORDERS_URL: api.origin,
    TOKEN_URL: endpoint.url,
    CLIENT_ID: CLIENT.clientId,
    CLIENT_SECRET: CLIENT.clientSecret,
  });
  const app = await boot({
    imports: [
      ForgeAuthModule.forRootAsync({
        services: ['orders'],
        imports: [config as never],
        inject: [ConfigService],
        useFactory: (variables: ConfigService) => ({
          services: [
            {
              name: 'orders',
              baseUrl: variables.getOrThrow<string>('ORDERS_URL'),
              auth: {
                provider: new ClientCredentialsTokenProvider({
                  tokenUrl: variables.getOrThrow<string>('TOKEN_URL'),
                  clientId: variables.getOrThrow<string>('CLIENT_ID'),
                  clientSecret: variables.getOrThrow<string>('CLIENT_SECRET'),
                }),
              },
            },
          ],
        }),
      }),
    ],
  });
  await expect(app.get(ForgeAuthService).client('orders').get('/')).resolves.toMatchObject({ status: 200 });
  expect(endpoint.tokenRequests).toBe(1);
  await app.close();
  await api.close();
  await endpoint.close();
});

describe('a variable that is not set', () => {
  it('a variable that is not set is named, with its service, where getOrThrow asks for it', async () => {
    const error = await failureOf((config) => ({ baseUrl: config.getOrThrow<string>('ORDERS_URL') }));
    expect(error).toMatchObject({ code: 'FORGE_AUTH_CONFIGURATION', serviceName: 'orders' });
    expect(error.message).toContain('Service "orders"');
    expect(error.message).toContain('variable ORDERS_URL is not set');
  });

  it('a variable that is not set is named, with all services of the factory, where a root asks for it', async () => {
    const root = ForgeAuthModule.forRootAsync({
      services: ['orders', 'customers'],
      imports: [(await configOf({})) as never],
      inject: [ConfigService],
      useFactory: (config: ConfigService) => ({
        services: [{ name: 'orders', baseUrl: config.getOrThrow<string>('orders.url') }, { name: 'customers' }],
      }),
    });
    const error = await bootFailure({ imports: [root] });
    expect(error).toMatchObject({ code: 'FORGE_AUTH_CONFIGURATION' });
    expect(error.message).toContain('Service "orders", "customers": the configuration variable orders.url is not set');
  });

  const slots: [string, Make][] = [
    ['baseUrl', (config) => ({ baseUrl: get(config) })],
    ['baseUrl', (config) => new HttpClientConfigBuilder('orders').withBaseUrl(get(config)).build()],
    ['auth', (config) => ({ auth: config.get('NOT_SET') as never })],
    ['headers.x-tenant', (config) => ({ headers: { 'x-tenant': get(config) } })],
    ['key', (config) => ({ auth: new ApiKeyAuth(get(config)) })],
    ['key', (config) => new HttpClientConfigBuilder('orders').withApiKey(get(config)).build()],
    ['token', (config) => ({ auth: new BearerAuth(get(config)) })],
    ['user name', (config) => ({ auth: new BasicAuth(get(config), 'password') })],
    ['password', (config) => ({ auth: new BasicAuth('alice', get(config)) })],
    ['token', (config) => ({ auth: { provider: new StaticTokenProvider(get(config)) } })],
    ['auth.provider', (config) => ({ auth: { provider: config.get('NOT_SET') as never } })],
    ['auth.tokenManager', (config) => ({ auth: { tokenManager: get(config) } })],
    ...['tokenUrl', 'clientId', 'clientSecret'].map((option): [string, Make] => [
      option,
      (config) => ({ auth: { provider: new ClientCredentialsTokenProvider({ ...GRANT, [option]: get(config) }) } }),
    ]),
    [
      'issuer',
      (config) => {
        const { tokenUrl: _left, ...client } = GRANT;
        return { auth: { provider: new ClientCredentialsTokenProvider({ ...client, issuer: get(config) }) } };
      },
    ],
    ...['username', 'password'].map((option): [string, Make] => [
      option,
      (config) => {
        const user = { username: 'alice', password: 'password', [option]: get(config) };
        return { auth: { provider: new PasswordGrantTokenProvider({ ...GRANT, ...user }) } };
      },
    ]),
    [
      'extraParams.tenant',
      (config) => ({
        auth: { provider: new ClientCredentialsTokenProvider({ ...GRANT, extraParams: { tenant: get(config) } }) },
      }),
    ],
    [
      'http.headers',
      (config) => ({
        auth: { provider: new ClientCredentialsTokenProvider({ ...GRANT, http: { headers: { 'x-a': get(config) } } }) },
      }),
    ],
  ];

  it.each(slots)('reports a variable that is not set, as %s, with its service and option', async (option, make) => {
    const error = await failureOf(make);
    expect(error).toMatchObject({ code: 'FORGE_AUTH_CONFIGURATION', serviceName: 'orders' });
    expect(error.message).toContain('Service "orders"');
    expect(error.message).toContain(option);
  });

  it('a variable that is not set is no matter for an option with a default', async () => {
    const config = await configOf({});
    const feature = ForgeAuthModule.forFeatureAsync({
      name: 'orders',
      imports: [config as never],
      inject: [ConfigService],
      useFactory: (variables: ConfigService) =>
        ({ timeoutMs: variables.get<number>('TIMEOUT'), maxRedirects: variables.get<number>('HOPS') }) as Omit<
          ForgeServiceOptions,
          'name'
        >,
    });
    const app = await boot({ imports: [feature] });
    expect(app.get(ForgeAuthService).names()).toEqual(['orders']);
    await app.close();
  });
});
