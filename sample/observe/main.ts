import 'reflect-metadata';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientCredentialsTokenProvider,
  ExponentialBackoffRetryStrategy,
  ForgeAuthModule,
  ForgeAuthService,
} from 'nestjs-forge-auth';
import { ForgeTelemetryModule } from 'nestjs-forge-auth/opentelemetry';
import { TestIssuer } from 'nestjs-forge-auth/testing';
import { Claims } from '../stories/claims.js';
import { Exporters } from './exporters.js';

const exporters = new Exporters();
const issuer = await TestIssuer.start();
let failures = 0;
const orders = createServer((request, response) => {
  const valid = issuer.isValid(request.headers.authorization);
  if (valid && failures > 0) failures -= 1;
  else if (valid) return void response.writeHead(200, { 'content-type': 'application/json' }).end('{"item":"anvil"}');
  response.writeHead(valid ? 503 : 401).end();
}).listen(0, '127.0.0.1');
await once(orders, 'listening');

@Module({
  imports: [
    ForgeAuthModule.forRoot({
      services: [
        {
          name: 'orders',
          baseUrl: `http://127.0.0.1:${(orders.address() as AddressInfo).port}`,
          auth: {
            provider: new ClientCredentialsTokenProvider({
              tokenUrl: issuer.tokenUrl,
              clientId: 'observed-app',
              clientSecret: 'observed-secret',
            }),
          },
          retry: new ExponentialBackoffRetryStrategy({ baseDelayMs: 20 }),
        },
      ],
    }),
    ForgeTelemetryModule.forRoot({
      meterProvider: exporters.meterProvider,
      tracerProvider: exporters.tracerProvider,
    }),
  ],
})
class ObservedModule {}

const app = await NestFactory.createApplicationContext(ObservedModule, { logger: ['error', 'warn'] });
const client = app.get(ForgeAuthService).client('orders');

console.log('A Nest app with ForgeTelemetryModule, the service that it calls, and an issuer, in one process.');
console.log('Ten callers at once, a token that is revoked, and a service that fails once.');
await Promise.all(Array.from({ length: 10 }, (_, id) => client.get(`/orders/${id}`)));
issuer.revokeAll();
await client.get('/orders/7');
failures = 1;
await client.get('/orders/8');

const metrics = await exporters.metricLines();
console.log(`\nMetrics\n${metrics.map((line) => `   ${line}`).join('\n')}`);
console.log(
  `\nSpans (→ the flight that a call waited for)\n${exporters
    .spanLines()
    .map((line) => `   ${line}`)
    .join('\n')}\n`,
);

const claims = new Claims();
const flights = exporters.spans.filter(({ name }) => name === 'forge_auth.token_request');
const calls = exporters.spans.filter(({ name }) => name === 'GET');
claims.exactly(2, flights.length, 'token flights, each a span');
claims.exactly(issuer.tokenRequests, flights.length, 'token requests counted at the issuer');
claims.exactly(12, calls.length, 'calls, each a span');
claims.atLeast(
  10,
  calls.filter(({ links }) => links.length > 0).length,
  'calls linked to the flight that they waited for',
);
claims.exactly(
  2,
  calls.filter(({ attributes }) => attributes['http.request.resend_count'] === 1).length,
  'calls that were sent again: with another token, and after the failure',
);
const text = [...metrics, ...exporters.spanLines()].join('\n');
const secrets = ['observed-secret', ...issuer.issued.map(({ accessToken }) => accessToken)];
claims.exactly(0, secrets.filter((secret) => text.includes(secret)).length, 'secrets among them');

await app.close();
await exporters.close();
await issuer.close();
orders.closeAllConnections();
orders.close();
process.exitCode = claims.conclude() ? 0 : 1;
