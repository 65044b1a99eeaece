// An application that compiles to CommonJS, as most on Nest 11 do.
import { Module } from '@nestjs/common';
import { ForgeAuthModule, StaticTokenProvider } from 'nestjs-forge-auth';

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
