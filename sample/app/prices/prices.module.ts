import { Module } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { ClientCredentialsTokenProvider, ForgeAuthModule } from 'nestjs-forge-auth';
import { PricesController } from './prices.controller.js';

/** A service whose tokens live for seconds only: nothing to configure, nothing to see. */
@Module({
  imports: [
    ForgeAuthModule.forFeatureAsync({
      name: 'prices',
      inject: [ConfigService],
      useFactory: (config: ConfigService) => ({
        baseUrl: config.getOrThrow<string>('PRICES_URL'),
        auth: {
          provider: new ClientCredentialsTokenProvider({
            issuer: config.getOrThrow<string>('ISSUER'),
            clientId: config.getOrThrow<string>('PRICES_CLIENT_ID'),
            clientSecret: config.getOrThrow<string>('PRICES_CLIENT_SECRET'),
          }),
        },
      }),
    }),
  ],
  controllers: [PricesController],
})
export class PricesModule {}
