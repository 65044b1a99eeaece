// Runs the contract of transports over the undici that is installed, and calls that need a fresh connection or a proxy.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createForgeClient } from 'nestjs-forge-auth';
import { transportContract } from 'nestjs-forge-auth/testing';
import { UndiciTransport } from 'nestjs-forge-auth/undici';
import { Agent, MockAgent } from 'undici';

const [major] = process.argv.slice(2);
const { version } = JSON.parse(readFileSync('node_modules/undici/package.json', 'utf8'));
assert.ok(version.startsWith(`${major}.`), `undici ${version} is installed`);

for (const make of [() => new UndiciTransport(), () => new UndiciTransport(new Agent())]) {
  for (const [name, check] of Object.entries(transportContract)) {
    const transport = make();
    try {
      await check(transport);
    } catch (error) {
      throw new Error(`undici ${version}, ${name}`, { cause: error });
    } finally {
      await transport.close();
    }
  }
}

// A kept connection that the service closes as the second call is written: sent once more, and answered.
const seen = new WeakSet();
const counts = new Map();
const service = createServer((request, response) => {
  counts.set(request.url, (counts.get(request.url) ?? 0) + 1);
  if (seen.has(request.socket) && request.url !== '/first') return void request.socket.destroy();
  seen.add(request.socket);
  response.setHeader('content-type', 'application/json').end('{"ok":true}');
});
await once(service.listen(0, '127.0.0.1'), 'listening');
const baseUrl = `http://127.0.0.1:${service.address().port}`;

const forwarded = [];
const proxy = createServer((request, response) => {
  forwarded.push(request.url);
  response.setHeader('content-type', 'application/json').end('{"proxied":true}');
}).on('connect', (request, socket) => {
  forwarded.push(`CONNECT ${request.url}`);
  const [host, port] = request.url.split(':');
  const target = connect(Number(port), host, () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
  target.pipe(socket).pipe(target);
});
await once(proxy.listen(0, '127.0.0.1'), 'listening');

const clientOver = (transport) => createForgeClient({ name: 'orders', baseUrl, transport });
const direct = new UndiciTransport();
const client = clientOver(direct);
const keepConnection = async () => {
  await client.get('/first');
  await delay(20);
};
await keepConnection();
assert.equal((await client.get('/second')).status, 200);
assert.equal(counts.get('/second'), 2);
await keepConnection();
await assert.rejects(client.post('/third', {}), { code: 'FORGE_AUTH_CONNECTION' });
assert.equal(counts.get('/third'), 1);

const proxied = new UndiciTransport({ proxy: `http://127.0.0.1:${proxy.address().port}` });
assert.deepEqual((await clientOver(proxied).get('/orders')).data, { proxied: true });
assert.deepEqual(forwarded, [`${baseUrl}/orders`]);

const mock = new MockAgent();
mock.disableNetConnect();
mock.get(baseUrl).intercept({ path: '/mocked' }).reply(200, { mocked: true });
assert.deepEqual((await clientOver(new UndiciTransport(mock)).get('/mocked')).data, { mocked: true });

for (const transport of [direct, proxied]) await transport.close();
await mock.close();
for (const server of [service, proxy]) {
  server.closeAllConnections();
  server.close();
}
