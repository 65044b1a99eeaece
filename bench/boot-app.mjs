/** Boots one Nest application with many services, and reports what that took. One process each: booting is done once. */
import { HttpModule, HttpService } from '@nestjs/axios';
import { NestFactory } from '@nestjs/core';
import { ClientCredentialsTokenProvider, ForgeAuthModule, getForgeClientToken } from '../dist/index.js';
import { collectGarbage, cpuTimeOf } from './measure.mjs';

const [how, count] = [process.argv[2], Number(process.argv[3])];
const numbers = Array.from({ length: count }, (_, number) => number);
const baseUrlOf = (number) => `https://service-${number}.example/api`;

const service = (number) => ({
  name: `service-${number}`,
  baseUrl: baseUrlOf(number),
  timeoutMs: 10_000,
  auth: {
    provider: new ClientCredentialsTokenProvider({
      tokenUrl: 'https://issuer.example/token',
      clientId: `client-${number}`,
      clientSecret: 'secret',
    }),
  },
});

class Injected {}
class Shared {}
class Feature {}
const shared = { module: Shared, global: true, providers: [Injected], exports: [Injected] };
const withFactories = (at) => {
  const tokens = ['a', 'b', 'c', 'd'].map((name) => `${name}-${at}`);
  const providers = tokens.map((provide) => ({ provide, inject: [Injected], useFactory: () => ({}) }));
  return { module: Feature, imports: [shared], providers, exports: tokens };
};

const imports = {
  register: () => numbers.map((at) => HttpModule.register({ baseURL: baseUrlOf(at), timeout: 10_000 })),
  factories: () => numbers.map(withFactories),
  forRoot: () => [ForgeAuthModule.forRoot({ services: numbers.map(service) })],
  forFeature: () => numbers.map((at) => ForgeAuthModule.forFeature(service(at))),
};

const boot = (modules) =>
  NestFactory.createApplicationContext({ module: class {}, imports: modules }, { logger: false });

// What is loaded and set up for one service, whatever their number, is no service's.
await (await boot([HttpModule.register({}), ForgeAuthModule.forRoot({ services: [service(0)] })])).close();
collectGarbage();
const before = process.memoryUsage().heapUsed;
let app;
const cpuTime = await cpuTimeOf(async () => {
  app = await boot(imports[how]());
});
collectGarbage();
const heap = process.memoryUsage().heapUsed - before;
const registered = { register: HttpService, factories: 'a-7' }[how] ?? getForgeClientToken('service-7');
if (app.get(registered, { strict: false }) == null) {
  throw new Error('Nothing was registered.');
}
process.send({ cpuTime, heap });
process.on('disconnect', () => process.exit());
