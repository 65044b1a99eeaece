import { Controller, Get, Module, Param } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientCredentialsTokenProvider,
  ForgeAuthModule,
  type ForgeHttpClient,
  InjectForgeClient,
} from 'nestjs-forge-auth';

const { ORDERS_URL = '', TOKEN_URL = '', CLIENT_ID = '', CLIENT_SECRET = '', PORT = '3000' } = process.env;
const client = { tokenUrl: TOKEN_URL, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET };
const auth = { provider: new ClientCredentialsTokenProvider(client) };

@Controller('orders')
class OrdersController {
  constructor(@InjectForgeClient('orders') private readonly orders: ForgeHttpClient) {}

  @Get(':id')
  async find(@Param('id') id: string): Promise<unknown> {
    return (await this.orders.get(`/orders/${encodeURIComponent(id)}`)).data;
  }
}

const forge = ForgeAuthModule.forRoot({ services: [{ name: 'orders', baseUrl: ORDERS_URL, auth }] });
@Module({ imports: [forge], controllers: [OrdersController] })
class AppModule {}

export const app = await NestFactory.create(AppModule);
app.enableShutdownHooks();
await app.listen(PORT, '127.0.0.1');
