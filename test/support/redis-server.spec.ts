import { Redis } from 'ioredis';
import { spawnGuarded } from './guarded-process.js';
import { sharedRedis, startRedis, type RedisServer } from './redis-server.js';

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('startRedis', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  it('stores, and flushes', async () => {
    expect(await redis.command('SET', 'key', 'value')).toBe('OK');
    expect(await redis.command('GET', 'key')).toBe('value');
    await redis.flushAll();
    expect(await redis.command('GET', 'key')).toBeNull();
  });

  it('breaks connections when killed, and restarts empty on the same port', async () => {
    await redis.command('SET', 'key', 'value');
    await redis.kill();
    await expect(redis.command('PING')).rejects.toThrow('Connection is closed');
    await redis.restart();
    expect(redis.url).toBe(`redis://127.0.0.1:${redis.port}`);
    expect(await redis.command('GET', 'key')).toBeNull();
  });

  it('answers nothing while frozen, and does what it was asked when thawed', async () => {
    const client = new Redis(redis.url, { commandTimeout: 200 });
    client.on('error', () => undefined);
    expect(await client.ping()).toBe('PONG');
    redis.freeze();
    await expect(client.set('late', 'yes')).rejects.toThrow('Command timed out');
    redis.thaw();
    expect(await client.ping()).toBe('PONG');
    expect(await redis.command('GET', 'late')).toBe('yes');
    client.disconnect();
  });

  it('asks for a password when given one', async () => {
    const guarded = await startRedis({ password: 's3cr3t/with+signs' });
    expect(await guarded.command('PING')).toBe('PONG');
    const stranger = new Redis(guarded.port, { retryStrategy: () => null, enableReadyCheck: false });
    await expect(stranger.ping()).rejects.toThrow('NOAUTH');
    stranger.disconnect();
    await guarded.stop();
  });

  it('startRedis can be stopped while frozen, and twice', async () => {
    const other = await startRedis();
    other.freeze();
    await other.stop();
    await other.stop();
    await expect(other.command('PING')).rejects.toThrow('Connection is closed');
  });

  it('fails when the server does not come up', async () => {
    await expect(startRedis({ args: ['--no-such-option', '1'] })).rejects.toThrow('did not start');
  });
});

describe('sharedRedis', () => {
  const { REDIS_URL } = process.env;
  afterEach(() => {
    if (REDIS_URL === undefined) delete process.env['REDIS_URL'];
    else process.env['REDIS_URL'] = REDIS_URL;
  });

  it('starts one where there is none, and uses the one at REDIS_URL', async () => {
    delete process.env['REDIS_URL'];
    const own = await sharedRedis();
    process.env['REDIS_URL'] = own.url;
    const shared = await sharedRedis();
    expect(shared.url).toBe(own.url);
    await shared.stop();
    expect(await shared.command('PING')).toBe('PONG');
    await own.stop();
  });
});

describe('spawnGuarded', () => {
  it('kills a frozen command when the pipe to it closes, as it does when this process dies', async () => {
    const child = await spawnGuarded('sleep', ['60']);
    child.signal('SIGSTOP');
    expect([alive(child.pid), child.running]).toEqual([true, true]);
    await child.kill();
    expect([alive(child.pid), child.running]).toEqual([false, false]);
  });

  it('notices when the command ends by itself', async () => {
    const child = await spawnGuarded('true', []);
    while (child.running) await new Promise((resolve) => setTimeout(resolve, 5));
    await child.kill();
  });
});
