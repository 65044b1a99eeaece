import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';

/**
 * Boots a Nest application around one service, calls it, sees the token and one entry in its log arrive, and closes it.
 * The packages are handed in, as `import` or `require` gave them. Gives the entry.
 */
export async function boot({ forge, cacheManager, common, core, logger, logging = true }) {
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
            logging,
          },
        ],
      }),
    ],
  })(AppModule);
  const written = [];
  const { write } = process.stdout;
  process.stdout.write = (chunk) => written.push(String(chunk)) > 0;
  const app = await core.NestFactory.createApplicationContext(AppModule, {
    logger: logger ?? new common.ConsoleLogger({ json: true }),
    abortOnError: false,
  });
  const client = app.get(forge.getForgeClientToken('orders'));
  assert.deepEqual((await client.get('/orders/7')).data, { id: 7 });
  assert.deepEqual(arrived, ['Bearer the-token']);
  await app.close();
  server.close();
  process.stdout.write = write;
  const [entry, ...more] = written.filter((line) => line.includes('GET http')).map((line) => JSON.parse(line));
  assert.match(JSON.stringify(entry), /GET http.*"status":200/);
  assert.deepEqual(more, []);
  return entry;
}
