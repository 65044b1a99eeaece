import { Module } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { ClientCredentialsTokenProvider, ForgeAuthModule } from 'nestjs-forge-auth';
import { OrdersController } from './orders.controller.js';
import { OrdersService } from './orders.service.js';

/** A service that wants the app's own OAuth 2 token. */
@Module({
  imports: [
    ForgeAuthModule.forFeatureAsync({
      name: 'orders',
      inject: [ConfigService],
      useFactory: (config: ConfigService) => ({
        baseUrl: config.getOrThrow<string>('ORDERS_URL'),
        excludedPaths: ['/health'],
        excludedPathPatterns: ['/public/*'],
        auth: {
          provider: new ClientCredentialsTokenProvider({
            issuer: config.getOrThrow<string>('ISSUER'),
            clientId: config.getOrThrow<string>('ORDERS_CLIENT_ID'),
            clientSecret: config.getOrThrow<string>('ORDERS_CLIENT_SECRET'),
            scope: 'read',
          }),
        },
      }),
    }),
  ],
  controllers: [OrdersController],
  providers: [OrdersService],
})
export class OrdersModule {}
