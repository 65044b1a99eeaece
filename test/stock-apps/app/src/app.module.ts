import { Module } from '@nestjs/common';
import { ClientCredentialsTokenProvider, ForgeAuthModule } from 'nestjs-forge-auth';
import { AppController } from './app.controller';
import { AppService } from './app.service';

@Module({
  imports: [
    ForgeAuthModule.forRootAsync({
      services: ['orders'],
      useFactory: () => ({
        services: [
          {
            name: 'orders',
            baseUrl: process.env.ORDERS_URL ?? 'http://127.0.0.1:9',
            auth: {
              provider: new ClientCredentialsTokenProvider({
                tokenUrl: `${process.env.ORDERS_URL ?? 'http://127.0.0.1:9'}/token`,
                clientId: 'stock',
                clientSecret: 'secret',
              }),
            },
          },
        ],
      }),
    }),
  ],
  controllers: [AppController],
  providers: [AppService],
})
export class AppModule {}
