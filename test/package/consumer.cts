// An application that compiles to CommonJS, as most on Nest 11 do.
import { Module } from '@nestjs/common';
import type { AxiosInstance, AxiosRequestConfig } from 'axios';
import {
  attachForgeAuth,
  AxiosTransport,
  ForgeAuthModule,
  type ForgeHttpClient,
  StaticTokenProvider,
} from 'nestjs-forge-auth';

export const transportWith = (axios: AxiosRequestConfig): AxiosTransport => new AxiosTransport({ axios });

export function axiosOf(client: ForgeHttpClient, own: AxiosInstance): AxiosInstance {
  attachForgeAuth(own, client);
  void client.axiosRef.get('/orders', { forge: { auth: false } });
  return client.axiosRef;
}

@Module({
  imports: [
    ForgeAuthModule.forRoot({
      services: [
        { name: 'orders', baseUrl: 'https://orders.example', auth: { provider: new StaticTokenProvider('token') } },
      ],
    }),
  ],
})
export class AppModule {}
