import { Controller, Get, Inject, Param } from '@nestjs/common';
import { type Order, OrdersService } from './orders.service.js';

@Controller('orders')
export class OrdersController {
  constructor(@Inject(OrdersService) private readonly orders: OrdersService) {}

  @Get('health')
  health(): Promise<unknown> {
    return this.orders.health();
  }

  @Get('catalogue')
  catalogue(): Promise<unknown> {
    return this.orders.catalogue(2);
  }

  @Get(':id')
  find(@Param('id') id: string): Promise<Order> {
    return this.orders.find(id);
  }
}
