import { Controller, Get, Module, Param } from '@nestjs/common';
import { APP_FILTER, NestFactory } from '@nestjs/core';
import {
  ClientCredentialsTokenProvider,
  ForgeAuthExceptionFilter,
  ForgeAuthModule,
  type ForgeHttpClient,
  InjectForgeClient,
} from 'nestjs-forge-auth';

const { ORDERS_URL = '', TOKEN_URL = '', CLIENT_ID = '', CLIENT_SECRET = '', PORT = '3000' } = process.env;

const provider = new ClientCredentialsTokenProvider({
  tokenUrl: TOKEN_URL,
  clientId: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
});

@Controller('orders')
class OrdersController {
  constructor(@InjectForgeClient('orders') private readonly orders: ForgeHttpClient) {}

  @Get(':id')
  async find(@Param('id') id: string): Promise<unknown> {
    return (await this.orders.get(`/orders/${encodeURIComponent(id)}`)).data;
  }
}

@Module({
  imports: [ForgeAuthModule.forRoot({ services: [{ name: 'orders', baseUrl: ORDERS_URL, auth: { provider } }] })],
  controllers: [OrdersController],
  providers: [{ provide: APP_FILTER, useClass: ForgeAuthExceptionFilter }],
})
class AppModule {}

export const app = await NestFactory.create(AppModule);
app.enableShutdownHooks();
await app.listen(PORT, '127.0.0.1');
