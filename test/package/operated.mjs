// Runs what operators use, on Express and on Fastify: the dashboard, the health indicator, metrics and spans that go nowhere.
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { ForgeAuthModule, ForgeAuthService, StaticTokenProvider } from 'nestjs-forge-auth';
import { ForgeDashboardModule } from 'nestjs-forge-auth/dashboard';
import { ForgeTelemetryModule } from 'nestjs-forge-auth/opentelemetry';
import { ForgeAuthHealthIndicator } from 'nestjs-forge-auth/terminus';

class HealthController {
  constructor(health, tokens) {
    this.check = () => health.check([() => tokens.check('tokens')]);
  }

  answer() {
    return this.check();
  }
}
Controller('health')(HealthController);
Get()(HealthController.prototype, 'answer', Object.getOwnPropertyDescriptor(HealthController.prototype, 'answer'));
Reflect.defineMetadata('design:paramtypes', [HealthCheckService, ForgeAuthHealthIndicator], HealthController);

for (const Adapter of [ExpressAdapter, FastifyAdapter]) {
  class AppModule {}
  const auth = { provider: new StaticTokenProvider('the-token') };
  Module({
    imports: [
      ForgeAuthModule.forRoot({ services: [{ name: 'orders', baseUrl: 'http://127.0.0.1:1', auth }] }),
      ForgeDashboardModule.forRoot({ guard: false }),
      ForgeTelemetryModule.forRoot(),
      TerminusModule,
    ],
    controllers: [HealthController],
    providers: [ForgeAuthHealthIndicator],
  })(AppModule);
  const app = await NestFactory.create(AppModule, new Adapter(), { logger: ['error'], abortOnError: false });
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  await app.get(ForgeAuthService).tokens('orders').getToken();

  const page = await fetch(`${url}/forge-auth`);
  assert.equal(page.status, 200);
  const cookie = page.headers.get('set-cookie').split(';')[0];
  const state = await (await fetch(`${url}/forge-auth/state`)).text();
  assert.match(state, /"name":"orders"/);
  assert.doesNotMatch(state, /the-token/);
  const act = (headers) => fetch(`${url}/forge-auth/services/orders/invalidate`, { method: 'POST', headers });
  assert.equal((await act({})).status, 403);
  assert.equal((await act({ cookie, 'x-csrf-token': decodeURIComponent(cookie.split('=')[1]) })).status, 200);
  const health = await (await fetch(`${url}/health`)).json();
  assert.equal(health.details.tokens.status, 'up');
  await app.close();
}
