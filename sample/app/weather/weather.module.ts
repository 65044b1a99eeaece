import { Module } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { ApiKeyAuth, ForgeAuthModule } from 'nestjs-forge-auth';
import { WeatherController } from './weather.controller.js';

/** A service that wants an API key. */
@Module({
  imports: [
    ForgeAuthModule.forFeatureAsync({
      name: 'weather',
      inject: [ConfigService],
      useFactory: (config: ConfigService) => ({
        baseUrl: config.getOrThrow<string>('WEATHER_URL'),
        auth: new ApiKeyAuth(config.getOrThrow<string>('WEATHER_API_KEY')),
      }),
    }),
  ],
  controllers: [WeatherController],
})
export class WeatherModule {}
