import { Module } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { BodyTokenFetcher, ForgeAuthModule, HeaderTokenFetcher } from 'nestjs-forge-auth';
import { ProfileController } from './profile.controller.js';
import { UserTokenFetcher } from './user-token.fetcher.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A service that wants a token of three calls: the device's, then the app's, then the user's. */
@Module({
  imports: [
    ForgeAuthModule.forFeatureAsync({
      name: 'profile',
      inject: [ConfigService],
      useFactory: (config: ConfigService) => {
        const baseUrl = config.getOrThrow<string>('DEVICE_ISSUER_URL');
        return {
          baseUrl: config.getOrThrow<string>('PROFILE_URL'),
          auth: {
            pipeline: {
              steps: [
                new HeaderTokenFetcher({
                  name: 'device_token',
                  baseUrl,
                  endpoint: '/v1/device/register',
                  requestHeaders: { 'X-Device-ID': config.getOrThrow<string>('DEVICE_ID') },
                  tokenHeader: 'X-Device-Token',
                  ttlMs: 30 * DAY,
                }),
                new BodyTokenFetcher({
                  name: 'app_token',
                  baseUrl,
                  endpoint: '/v1/app/token',
                  dependsOn: ['device_token'],
                  requestHeaders: (context) => ({ 'X-Device-Token': context.accessToken('device_token') }),
                  requestData: { client_secret: config.getOrThrow<string>('PROFILE_CLIENT_SECRET') },
                  ttlMs: HOUR,
                }),
                new UserTokenFetcher({
                  name: 'user_token',
                  baseUrl,
                  endpoint: '/v1/user/token',
                  dependsOn: ['app_token'],
                  requestData: { username: 'alice' },
                  ttlMs: 30 * MINUTE,
                }),
              ],
              // A rejected user token is renewed alone; should the issuer refuse that, the steps before it are, too.
              refreshFromStep: 'user_token',
            },
          },
        };
      },
    }),
  ],
  controllers: [ProfileController],
})
export class ProfileModule {}
