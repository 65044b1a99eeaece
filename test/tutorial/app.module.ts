import { Module } from '@nestjs/common';
import { ClientCredentialsTokenProvider, ForgeAuthModule } from 'nestjs-forge-auth';
import { AppController } from './app.controller.js';
import { AppService } from './app.service.js';

@Module({
  imports: [
    ForgeAuthModule.forRoot({
      services: [
        {
          name: 'orders',
          baseUrl: process.env['ORDERS_URL'] ?? 'http://127.0.0.1:4000',
          auth: {
            provider: new ClientCredentialsTokenProvider({
              tokenUrl: process.env['ORDERS_TOKEN_URL'] ?? 'http://127.0.0.1:4000/token',
              clientId: process.env['ORDERS_CLIENT_ID'] ?? 'shop',
              clientSecret: process.env['ORDERS_CLIENT_SECRET'] ?? 'only for this machine',
            }),
          },
        },
      ],
    }),
  ],
  controllers: [AppController],
  providers: [AppService],
})
export class AppModule {}
