import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { ForgeAuthModule, type ForgeHttpClient, getForgeClientToken, InjectForgeClient } from 'nestjs-forge-auth';
import { RecordingForgeClient } from 'nestjs-forge-auth/testing';

@Injectable()
class Orders {
  constructor(@InjectForgeClient('orders') private readonly client: ForgeHttpClient) {}

  async cancel(id: number): Promise<string> {
    const { data } = await this.client.post<{ state: string }>(`/orders/${id}/cancel`, { reason: 'test' });
    return data.state;
  }
}

it('cancels an order', async () => {
  const client = new RecordingForgeClient({ name: 'orders' })
    .answer('POST', '/orders/7/cancel', { data: { state: 'cancelled' } })
    .answer('POST', '/orders/8/cancel', { status: 409 });
  const app = await Test.createTestingModule({
    imports: [ForgeAuthModule.forFeature({ name: 'orders', baseUrl: 'https://orders.example' })],
    providers: [Orders],
  })
    .overrideProvider(getForgeClientToken('orders'))
    .useValue(client)
    .compile();

  expect(await app.get(Orders).cancel(7)).toBe('cancelled');
  await expect(app.get(Orders).cancel(8)).rejects.toMatchObject({ code: 'FORGE_AUTH_HTTP_STATUS', status: 409 });
  expect(client.calls[0]).toMatchObject({ method: 'POST', path: '/orders/7/cancel', data: { reason: 'test' } });
});
