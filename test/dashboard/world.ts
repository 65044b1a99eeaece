import type { Server } from 'node:http';
import type { INestApplication, Type } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import {
  BodyTokenFetcher,
  CircuitBreakerRetryStrategy,
  ClientCredentialsTokenProvider,
  ForgeAuthModule,
  ForgeAuthService,
} from 'nestjs-forge-auth';
import { ForgeDashboardModule, type ForgeDashboardOptions } from 'nestjs-forge-auth/dashboard';
import { TestIssuer } from 'nestjs-forge-auth/testing';

export const SECRET = 'canary-client-secret';
const PATIENCE_MS = 2_000;
export const PLATFORMS: readonly [string, () => ExpressAdapter | FastifyAdapter][] = [
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
];

/** An application with a dashboard, its issuer, and where it is. */
export interface DashboardWorld {
  readonly app: INestApplication;
  readonly issuer: TestIssuer;
  readonly services: ForgeAuthService;
  /** URL of the page. */
  readonly url: string;
  close(): Promise<void>;
}

export async function startDashboard(
  adapter: () => ExpressAdapter | FastifyAdapter,
  options: Partial<ForgeDashboardOptions> = {},
  { prefix = '', providers = [] }: { prefix?: string; providers?: Type[] } = {},
): Promise<DashboardWorld> {
  const issuer = await TestIssuer.start({ expiresInMs: 600_000 });
  const step = (name: string, dependsOn: string[] = []): BodyTokenFetcher =>
    new BodyTokenFetcher({
      name,
      dependsOn,
      baseUrl: issuer.url,
      endpoint: '/token',
      requestData: { grant_type: 'client_credentials', client_id: name, client_secret: SECRET },
    });
  const module = await Test.createTestingModule({
    imports: [
      ForgeAuthModule.forRoot({
        services: [
          {
            name: 'orders',
            baseUrl: 'https://orders.example/v1',
            auth: {
              provider: new ClientCredentialsTokenProvider({
                tokenUrl: issuer.tokenUrl,
                clientId: 'app',
                clientSecret: SECRET,
              }),
            },
            retry: new CircuitBreakerRetryStrategy(),
          },
          {
            name: '<img src=x onerror=alert(1)>',
            auth: { pipeline: { steps: [step('app_token'), step('user_token', ['app_token'])] } },
          },
          { name: 'weather', baseUrl: 'https://weather.example' },
        ],
      }),
      ForgeDashboardModule.forRoot({ guard: false, ...options }),
    ],
    providers,
  }).compile();
  const app = module.createNestApplication(adapter() as ExpressAdapter, { logger: false });
  if (prefix !== '') app.setGlobalPrefix(prefix);
  await app.listen(0, '127.0.0.1');
  const origin = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  const path = (options.path ?? '/forge-auth').replace(/^\/?/, '/');
  return {
    app,
    issuer,
    services: app.get(ForgeAuthService),
    url: `${origin}${prefix === '' ? '' : `/${prefix}`}${path}`,
    async close() {
      const closing = app.close();
      // Node waits for a connection that a browser has opened in advance, and sent nothing over.
      const impatience = setTimeout(() => (app.getHttpServer() as Server).closeAllConnections(), PATIENCE_MS);
      await closing;
      clearTimeout(impatience);
      await issuer.close();
    },
  };
}
