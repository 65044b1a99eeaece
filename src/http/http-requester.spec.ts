import { once } from 'node:events';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigurationError, InvalidRequestError, TimeoutError } from '../errors.js';
import type { HttpRequest, HttpResponse } from './http-request.js';
import { HttpRequester, type HttpRequesterOptions } from './http-requester.js';

/** Remembers what it was asked to send. */
function recording(answer: Partial<HttpResponse> = {}): { sent: HttpRequest[]; transport: HttpRequesterOptions } {
  const sent: HttpRequest[] = [];
  const send = async (request: HttpRequest): Promise<HttpResponse> => {
    sent.push(request);
    return { status: 200, headers: {}, body: Buffer.from('{}'), url: request.url, ...answer };
  };
  return { sent, transport: { transport: { send } } };
}

describe('HttpRequester', () => {
  it.each<[string, object, Partial<HttpRequest>]>([
    ['json', { json: { a: 1 } }, { body: '{"a":1}', headers: { 'content-type': 'application/json' } }],
    ['a form', { form: { a: 'b c' } }, { body: 'a=b+c' }],
    ['URLSearchParams', { form: new URLSearchParams({ a: 'b' }) }, { body: 'a=b' }],
    ['text', { body: 'text' }, { body: 'text' }],
    ['its own content type', { body: 'x', headers: { 'Content-Type': 'a/b' } }, { headers: { 'content-type': 'a/b' } }],
    ['a query', { query: { a: 'b c' }, url: 'https://x.example/p?q=1' }, { url: 'https://x.example/p?q=1&a=b+c' }],
    ['a method of any case', { method: 'put' }, { method: 'PUT' }],
  ])('sends %s', async (_name, request, expected) => {
    const { sent, transport } = recording();
    await new HttpRequester(transport).request({ url: 'https://x.example/', ...request });
    const { headers = {}, ...rest } = expected;
    expect(sent[0]).toMatchObject(rest);
    expect(sent[0]?.headers).toMatchObject(headers);
  });

  it('sends its own headers with every request, below those of the request', async () => {
    const { sent, transport } = recording();
    const requester = new HttpRequester({ ...transport, headers: { 'X-Tenant': 'a', 'X-Other': 'b' } });
    await requester.request({ url: 'https://x.example/', headers: { 'x-tenant': 'c' } });
    expect(sent[0]?.headers).toMatchObject({ 'x-tenant': 'c', 'x-other': 'b', accept: 'application/json' });
  });

  it.each([{ 'Transfer-Encoding': 'chunked' }, { 'content-length': '1' }, { trailer: 'x-a' }])(
    'refuses headers that frame its body falsely: %j',
    async (headers) => {
      const { sent, transport } = recording();
      const asked = new HttpRequester({ ...transport, headers: headers as Record<string, string> }).request({
        method: 'POST',
        url: 'https://x.example/',
        form: { a: 'b' },
      });
      await expect(asked).rejects.toBeInstanceOf(InvalidRequestError);
      expect(sent).toEqual([]);
    },
  );

  it('answers every status', async () => {
    const { transport } = recording({ status: 500 });
    const response = await new HttpRequester(transport).request({ url: 'https://x.example/' });
    expect(response).toMatchObject({ status: 500, isServerError: true, attempts: 1 });
  });

  it('refuses a relative URL with a query', async () => {
    const { transport } = recording();
    const asked = new HttpRequester(transport).request({ url: '/token', query: { secret: 'x' } });
    await expect(asked).rejects.toBeInstanceOf(InvalidRequestError);
  });

  it.each([0, -1, Number.NaN])('refuses a timeout of %d', (timeoutMs) => {
    expect(() => new HttpRequester({ timeoutMs })).toThrow(ConfigurationError);
  });

  it('asks its transport for at most a megabyte, unless the request says less', async () => {
    const { sent, transport } = recording();
    const requester = new HttpRequester(transport);
    const request: HttpRequest = { method: 'GET', url: 'https://x.example/', headers: {}, responseType: 'json' };
    await requester.send(request);
    await requester.send({ ...request, maxContentLength: 10 });
    expect(sent.map(({ maxContentLength }) => maxContentLength)).toEqual([1_048_576, 10]);
  });

  describe('over real HTTP', () => {
    const requesters: HttpRequester[] = [];
    let server: http.Server;
    let origin: string;
    beforeEach(async () => {
      server = http.createServer((request, response) => {
        if (request.url === '/hang') return;
        response.write(' ');
        const timer = setInterval(() => response.write(' '), 10);
        response.once('close', () => clearInterval(timer));
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    afterEach(async () => {
      for (const requester of requesters.splice(0)) await requester.close();
      server.closeAllConnections();
      server.close();
    });

    function requesterOf(options: HttpRequesterOptions): HttpRequester {
      const requester = new HttpRequester(options);
      requesters.push(requester);
      return requester;
    }

    it.each(['/hang', '/dribble'])('gives %s up when the time is over', async (path) => {
      const asked = requesterOf({ timeoutMs: 60 }).request({ url: `${origin}${path}?secret=1` });
      const error = await asked.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(TimeoutError);
      expect((error as Error).message).toBe(`GET ${origin}${path} did not answer within 60 ms.`);
    });

    it('takes the timeout of the request before its own', async () => {
      const asked = requesterOf({}).request({ url: `${origin}/hang`, timeoutMs: 50 });
      await expect(asked).rejects.toBeInstanceOf(TimeoutError);
    });

    it('rejects with the reason of the signal', async () => {
      const controller = new AbortController();
      const asked = requesterOf({}).request({ url: `${origin}/hang`, signal: controller.signal });
      const reason = new RangeError('enough');
      setTimeout(() => controller.abort(reason), 20);
      await expect(asked).rejects.toBe(reason);
    });
  });
});
