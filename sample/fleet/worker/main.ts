// One process of the fleet: a Nest app like any other. Whoever started it hears what it logs, and tells it to end.
import 'reflect-metadata';
import type { Server } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { KEEP_ALIVE_MS } from '../../upstream/server.js';
import { fleetModule } from './fleet.module.js';
import { ParentLogger } from './parent.logger.js';

const app = await NestFactory.create(fleetModule(process.env), {
  logger: new ParentLogger(),
  forceCloseConnections: true,
});
(app.getHttpServer() as Server).keepAliveTimeout = KEEP_ALIVE_MS;
await app.listen(0, '127.0.0.1');

async function end(): Promise<void> {
  process.off('disconnect', end);
  await app.close();
  if (process.connected) process.disconnect();
}
process.once('disconnect', end);
process.on('message', (message) => {
  if (message === 'end') void end();
});
process.send?.({ origin: await app.getUrl() });
