import { Injectable } from '@nestjs/common';
import { type ForgeHttpClient, InjectForgeClient } from 'nestjs-forge-auth';

@Injectable()
export class AppService {
  constructor(@InjectForgeClient('orders') private readonly orders: ForgeHttpClient) {}

  async getHello(): Promise<string> {
    const { data } = await this.orders.get<{ item: string }>('/orders/7');
    return data.item;
  }
}
