import { Test } from '@nestjs/testing';
import { getForgeClientToken } from 'nestjs-forge-auth';
import { RecordingForgeClient } from 'nestjs-forge-auth/testing';
import { AppController } from './app.controller.js';
import { AppModule } from './app.module.js';

describe('AppController', () => {
  it('answers what is ordered', async () => {
    const orders = new RecordingForgeClient({ name: 'orders' }).answer('GET', '/orders/7', { data: { item: 'anvil' } });
    const app = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(getForgeClientToken('orders'))
      .useValue(orders)
      .compile();
    expect(await app.get(AppController).getHello()).toBe('anvil');
  });
});
