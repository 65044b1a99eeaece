import { Module } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { ForgeAuthModule, PasswordGrantTokenProvider } from 'nestjs-forge-auth';
import { InvoicesController } from './invoices.controller.js';

/** A service that wants a technical user's token. */
@Module({
  imports: [
    ForgeAuthModule.forFeatureAsync({
      name: 'invoices',
      inject: [ConfigService],
      useFactory: (config: ConfigService) => ({
        baseUrl: config.getOrThrow<string>('INVOICES_URL'),
        auth: {
          provider: new PasswordGrantTokenProvider({
            issuer: config.getOrThrow<string>('ISSUER'),
            clientId: config.getOrThrow<string>('INVOICES_CLIENT_ID'),
            clientSecret: config.getOrThrow<string>('INVOICES_CLIENT_SECRET'),
            username: config.getOrThrow<string>('INVOICES_USERNAME'),
            // A function is read again when the issuer refuses the password: it may have been rotated.
            password: () => config.getOrThrow<string>('INVOICES_PASSWORD'),
          }),
        },
      }),
    }),
  ],
  controllers: [InvoicesController],
})
export class InvoicesModule {}
