import { firstValueFrom } from 'rxjs';
import { ConnectionError, ExponentialBackoffRetryStrategy, HttpStatusError } from 'nestjs-forge-auth';
import { RecordingForgeClient } from 'nestjs-forge-auth/testing';

describe('RecordingForgeClient', () => {
  it('answers by method and path, and records what was asked', async () => {
    const orders = new RecordingForgeClient({
      name: 'orders',
      answers: { 'GET /orders/7': { data: { id: 7 } } },
    }).answer('POST', '/orders', { status: 201, headers: { Location: '/orders/8' } });
    expect((await orders.get('/orders/7?full=yes', { headers: { 'X-Tenant': 'a' } })).data).toEqual({ id: 7 });
    const made = await orders.post('/orders', { item: 'anvil' });
    expect([made.status, made.headers['location'], made.data]).toEqual([201, '/orders/8', undefined]);
    expect(orders.calls).toEqual([
      expect.objectContaining({ method: 'GET', path: '/orders/7', query: { full: 'yes' }, data: undefined }),
      expect.objectContaining({ method: 'POST', path: '/orders', data: { item: 'anvil' } }),
    ]);
    expect(orders.callsTo('get', '/orders/7')[0]?.headers['x-tenant']).toBe('a');
    orders.reset();
    expect(orders.calls).toEqual([]);
  });

  it('throws the errors of the real client', async () => {
    const orders = new RecordingForgeClient({ name: 'orders' })
      .answer('GET', '/teapot', { status: 418, data: { short: 'stout' } })
      .answer('GET', '/down', new ConnectionError('down'));
    const refused = await orders.get('/teapot').catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(HttpStatusError);
    expect(refused).toMatchObject({ status: 418, data: { short: 'stout' }, serviceName: 'orders' });
    await expect(orders.get('/down')).rejects.toMatchObject({ code: 'FORGE_AUTH_CONNECTION', serviceName: 'orders' });
    await expect(orders.get('/down', { signal: AbortSignal.abort(new Error('left')) })).rejects.toThrow('left');
  });

  it('gives several answers in order, the last for ever, to retries, too', async () => {
    const retry = new ExponentialBackoffRetryStrategy({ maxRetries: 2, baseDelayMs: 1, jitter: false });
    const orders = new RecordingForgeClient({ retry }).answer(
      'GET',
      '/',
      { status: 503 },
      { status: 503 },
      { data: 'up' },
    );
    expect(await orders.get('/')).toMatchObject({ data: 'up', attempts: 3 });
    expect((await orders.get('/')).attempts).toBe(1);
    expect(orders.calls).toHaveLength(4);
  });

  it('makes answers of calls, matches patterns and any method, and lets later answers come first', async () => {
    const orders = new RecordingForgeClient()
      .answer('*', /^\/orders\/\d+$/g, ({ method, path }) => ({ data: { method, path } }))
      .answer('GET', '/orders/9', { data: 'nine' });
    expect((await orders.delete('/orders/8')).data).toEqual({ method: 'DELETE', path: '/orders/8' });
    expect((await orders.get('/orders/9')).data).toBe('nine');
    expect((await orders.get('/orders/10')).data).toEqual({ method: 'GET', path: '/orders/10' });
  });

  it('names the call that it has no answer for, and what it has', async () => {
    const orders = new RecordingForgeClient().answer('GET', '/a', {});
    await expect(orders.get('/b?secret=1')).rejects.toThrow('no answer for GET /b. There are: GET /a.');
    await expect(new RecordingForgeClient().get('/b')).rejects.toThrow('client.answer(method, path, answer)');
  });

  it('answers through every face', async () => {
    const orders = new RecordingForgeClient().answer('GET', '/orders', { data: [1] });
    expect((await orders.axiosRef.get('/orders')).data).toEqual([1]);
    expect((await firstValueFrom(orders.httpService.get('/orders'))).data).toEqual([1]);
    expect(await (await orders.fetch('/orders')).json()).toEqual([1]);
    expect((await orders.requestMany([{ url: '/orders' }]))[0]).toMatchObject({ status: 'fulfilled' });
    expect(orders.calls).toHaveLength(4);
  });
});
