import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';

/**
 * Boots a Nest application around one service, calls it, sees the token arrive, and closes it.
 * The packages are handed in, as `import` or `require` gave them.
 */
export async function boot({ forge, cacheManager, common, core }) {
  const arrived = [];
  const server = createServer((request, response) => {
    arrived.push(request.headers.authorization);
    response.setHeader('content-type', 'application/json').end('{"id":7}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');

  class AppModule {}
  common.Module({
    imports: [
      cacheManager.CacheModule.register({ isGlobal: true }),
      forge.ForgeAuthModule.forRoot({
        services: [
          {
            name: 'orders',
            baseUrl: `http://127.0.0.1:${server.address().port}`,
            auth: { provider: new forge.StaticTokenProvider('the-token') },
          },
        ],
      }),
    ],
  })(AppModule);
  const app = await core.NestFactory.createApplicationContext(AppModule, {
    logger: ['error', 'warn'],
    abortOnError: false,
  });
  const client = app.get(forge.getForgeClientToken('orders'));
  assert.deepEqual((await client.get('/orders/7')).data, { id: 7 });
  assert.deepEqual(arrived, ['Bearer the-token']);
  await app.close();
  server.close();
}
