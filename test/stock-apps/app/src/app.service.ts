import { Injectable } from '@nestjs/common';
import { ForgeHttpClient, InjectForgeClient } from 'nestjs-forge-auth';

@Injectable()
export class AppService {
  constructor(@InjectForgeClient('orders') private readonly client: ForgeHttpClient) {}

  async getOrder(): Promise<{ item: string }> {
    const { data } = await this.client.get<{ item: string }>('/orders/7');
    return data;
  }
}
