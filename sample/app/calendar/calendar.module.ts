import { Module } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { AuthorizationCodeTokenProvider, ForgeAuthModule, ForgeConnectModule } from 'nestjs-forge-auth';
import { CalendarController } from './calendar.controller.js';
import { VisitorGuard, type VisitorRequest } from './visitor.guard.js';

/** A service that wants a token of each user's own, by their consent at the issuer. */
@Module({
  imports: [
    ForgeAuthModule.forFeatureAsync({
      name: 'calendar',
      inject: [ConfigService],
      useFactory: (config: ConfigService) => ({
        baseUrl: config.getOrThrow<string>('CALENDAR_URL'),
        auth: {
          provider: new AuthorizationCodeTokenProvider({
            issuer: config.getOrThrow<string>('ACCOUNT_ISSUER'),
            clientId: config.getOrThrow<string>('CALENDAR_CLIENT_ID'),
            clientSecret: config.getOrThrow<string>('CALENDAR_CLIENT_SECRET'),
            redirectUri: `${config.getOrThrow<string>('APP_URL')}/connect/calendar/callback`,
            scope: 'openid offline_access',
            prompt: 'consent',
          }),
        },
      }),
    }),
    ForgeConnectModule.forFeature({
      service: 'calendar',
      path: '/connect/calendar',
      subject: (request: VisitorRequest) => request.visitor,
      guards: [VisitorGuard],
      redirectTo: '/calendar',
    }),
  ],
  controllers: [CalendarController],
})
export class CalendarModule {}
