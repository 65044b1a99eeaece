import { ForgeAuthModule, ForgeAuthService } from 'nestjs-forge-auth';
import { json } from '../support/answer.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { rejection } from '../support/async.js';
import { boot } from './boot.js';

let api: RecordingServer;
let release: () => void;

beforeEach(async () => {
  const released = new Promise<void>((resolve) => (release = resolve));
  api = await startServer(async (_request, response) => {
    await released;
    json(response, 200, { done: true });
  });
});
afterEach(async () => {
  release();
  await api.close();
});

async function start(shutdownGraceMs?: number) {
  const services = [{ name: 'orders', baseUrl: api.origin }];
  const grace = shutdownGraceMs === undefined ? {} : { shutdownGraceMs };
  return boot({ imports: [ForgeAuthModule.forRoot({ services, ...grace })] });
}

describe('a standalone application that closes', () => {
  it('waits for calls that are under way', async () => {
    const app = await start(60_000);
    const call = app.get(ForgeAuthService).client('orders').get('/slow');
    await api.received(1);
    const closed = app.close();
    setTimeout(release, 50);
    expect((await call).data).toEqual({ done: true });
    await closed;
  });

  it('waits for the next call of a handler that makes several', async () => {
    const app = await start(60_000);
    const client = app.get(ForgeAuthService).client('orders');
    const handler = (async () => {
      for (const path of ['/1', '/2', '/3']) await client.get(path);
    })();
    await api.received(1);
    const closed = app.close();
    release();
    await handler;
    await closed;
    expect(api.requests.map(({ path }) => path)).toEqual(['/1', '/2', '/3']);
    expect(await rejection(client.get('/4'))).toMatchObject({ code: 'FORGE_AUTH_CLIENT_CLOSED' });
  });

  it('aborts what is still under way when the time is over', async () => {
    const app = await start(1_000);
    const call = rejection(app.get(ForgeAuthService).client('orders').get('/slow'));
    await api.received(1);
    await app.close();
    expect(await call).toMatchObject({ code: 'FORGE_AUTH_CLIENT_CLOSED' });
  });

  it('waits for nobody unless it is configured to', async () => {
    const app = await start();
    const call = rejection(app.get(ForgeAuthService).client('orders').get('/slow'));
    await api.received(1);
    await app.close();
    expect(await call).toMatchObject({ code: 'FORGE_AUTH_CLIENT_CLOSED' });
  });

  it('a standalone application that closes is closed at once where nothing is under way', async () => {
    const app = await start(3_600_000);
    release();
    await app.get(ForgeAuthService).client('orders').get('/');
    await app.close();
  });
});
