import { Controller, Get, Param } from '@nestjs/common';
import { type ForgeHttpClient, InjectForgeClient } from 'nestjs-forge-auth';

@Controller('invoices')
export class InvoicesController {
  constructor(@InjectForgeClient('invoices') private readonly client: ForgeHttpClient) {}

  @Get(':id')
  async find(@Param('id') id: string): Promise<unknown> {
    const { data } = await this.client.get(`/invoices/${encodeURIComponent(id)}`);
    return data;
  }
}
