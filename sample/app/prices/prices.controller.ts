import { Controller, Get, Param } from '@nestjs/common';
import { type ForgeHttpClient, InjectForgeClient } from 'nestjs-forge-auth';

@Controller('prices')
export class PricesController {
  constructor(@InjectForgeClient('prices') private readonly client: ForgeHttpClient) {}

  @Get(':item')
  async find(@Param('item') item: string): Promise<unknown> {
    const { data } = await this.client.get(`/prices/${encodeURIComponent(item)}`);
    return data;
  }
}
