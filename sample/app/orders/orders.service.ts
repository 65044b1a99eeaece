import { Injectable } from '@nestjs/common';
import { type ForgeHttpClient, InjectForgeClient } from 'nestjs-forge-auth';

export interface Order {
  id: string;
  item: string;
}

/** Knows what to ask for. Of tokens it knows nothing. */
@Injectable()
export class OrdersService {
  constructor(@InjectForgeClient('orders') private readonly client: ForgeHttpClient) {}

  async find(id: string): Promise<Order> {
    const { data } = await this.client.get<Order>(`/orders/${encodeURIComponent(id)}`);
    return data;
  }

  async catalogue(page: number): Promise<unknown> {
    const { data } = await this.client.get('/public/catalogue', { params: { page } });
    return data;
  }

  async health(): Promise<unknown> {
    const { data } = await this.client.get('/health');
    return data;
  }
}
