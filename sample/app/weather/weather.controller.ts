import { Controller, Get, Param } from '@nestjs/common';
import { type ForgeHttpClient, InjectForgeClient } from 'nestjs-forge-auth';

@Controller('weather')
export class WeatherController {
  constructor(@InjectForgeClient('weather') private readonly client: ForgeHttpClient) {}

  @Get(':city')
  async find(@Param('city') city: string): Promise<unknown> {
    const { data } = await this.client.get(`/weather/${encodeURIComponent(city)}`);
    return data;
  }
}
