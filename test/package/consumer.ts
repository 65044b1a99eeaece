import { CacheModule } from '@nestjs/cache-manager';
import { Injectable, Module } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import type { AxiosInstance, AxiosRequestConfig } from 'axios';
import {
  ApiKeyAuth,
  attachForgeAuth,
  AxiosTransport,
  ClientCredentialsTokenProvider,
  ForgeAuthModule,
  type ForgeHttpClient,
  HttpStatusError,
  InjectForgeClient,
  InjectTokenManager,
  SimpleAuthRetryStrategy,
  Token,
  type TokenManager,
  type TokenProvider,
} from 'nestjs-forge-auth';

export const transportWith = (axios: AxiosRequestConfig): AxiosTransport => new AxiosTransport({ axios });

interface Order {
  id: number;
}

/** A provider of one's own needs one method. */
class OwnProvider implements TokenProvider {
  async fetchToken(): Promise<Token> {
    return new Token({ accessToken: 'own', expiresAt: Date.now() + 60_000 });
  }
}

@Injectable()
export class Orders {
  constructor(
    @InjectForgeClient('service-a') private readonly client: ForgeHttpClient,
    @InjectTokenManager('service-a') private readonly tokens: TokenManager,
  ) {}

  async find(id: number): Promise<Order | undefined> {
    try {
      const response = await this.client.get<Order>(`/orders/${id}`, { timeoutMs: 1_000 });
      return response.data;
    } catch (error) {
      if (error instanceof HttpStatusError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** The types are those of the app's own axios. */
  axios(own: AxiosInstance): AxiosInstance {
    attachForgeAuth(own, this.client);
    void this.client.axiosRef.get<Order>('/orders', { forge: { auth: false } });
    return this.client.axiosRef;
  }

  async scheme(): Promise<string> {
    return (await this.tokens.getToken()).tokenType;
  }
}

@Module({
  imports: [
    CacheModule.register({ isGlobal: true }),
    ForgeAuthModule.forRoot({
      defaults: { timeoutMs: 10_000 },
      services: [
        {
          name: 'service-a',
          baseUrl: 'https://service-a.example',
          excludedPaths: ['/health'],
          auth: {
            provider: new ClientCredentialsTokenProvider({
              tokenUrl: 'https://issuer.example/token',
              clientId: 'client',
              clientSecret: 'secret',
              scope: 'read',
            }),
            retry: new SimpleAuthRetryStrategy({ maxRetries: 1 }),
          },
        },
        { name: 'service-b', baseUrl: 'https://service-b.example', auth: { provider: new OwnProvider() } },
      ],
    }),
    ForgeAuthModule.forFeature({
      name: 'service-c',
      baseUrl: 'https://service-c.example',
      auth: new ApiKeyAuth('key'),
    }),
    ForgeAuthModule.forFeatureAsync({
      name: 'service-d',
      imports: [ConfigModule],
      inject: [ConfigService],
      useFactory: (config: ConfigService) => ({
        baseUrl: config.getOrThrow<string>('SERVICE_D_URL'),
        auth: new ApiKeyAuth(config.getOrThrow<string>('SERVICE_D_KEY')),
      }),
    }),
  ],
  providers: [Orders],
})
export class AppModule {}
