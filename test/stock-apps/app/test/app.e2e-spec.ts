import { createServer, Server } from 'node:http';
import { AddressInfo } from 'node:net';
import { INestApplication } from '@nestjs/common';
import { Test, TestingModule } from '@nestjs/testing';
import request from 'supertest';
import { App } from 'supertest/types';
import { AppModule } from './../src/app.module';

describe('AppController (e2e)', () => {
  let app: INestApplication<App>;
  let orders: Server;
  let tokenRequests = 0;

  beforeEach(async () => {
    orders = createServer((incoming, response) => {
      response.setHeader('content-type', 'application/json');
      if (incoming.url === '/token') {
        tokenRequests += 1;
        response.end(JSON.stringify({ access_token: 'stock-token', token_type: 'Bearer', expires_in: 3600 }));
      } else if (incoming.headers.authorization === 'Bearer stock-token') {
        response.end(JSON.stringify({ item: 'anvil' }));
      } else {
        response.statusCode = 401;
        response.end('{}');
      }
    });
    await new Promise<void>((resolve) => orders.listen(0, '127.0.0.1', resolve));
    process.env.ORDERS_URL = `http://127.0.0.1:${(orders.address() as AddressInfo).port}`;
    const moduleFixture: TestingModule = await Test.createTestingModule({ imports: [AppModule] }).compile();
    app = moduleFixture.createNestApplication();
    await app.init();
  });

  it('/ (GET), authenticated by one token request', async () => {
    for (let call = 0; call < 3; call += 1) await request(app.getHttpServer()).get('/').expect(200, { item: 'anvil' });
    expect(tokenRequests).toBe(1);
  });

  afterEach(async () => {
    await app.close();
    orders.close();
  });
});
