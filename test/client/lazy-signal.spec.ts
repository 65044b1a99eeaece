import { AxiosTransport, type HttpRequest, type Transport } from 'nestjs-forge-auth';
import { UndiciTransport } from 'nestjs-forge-auth/undici';
import { Cancellation } from '../../src/http/cancellation.js';
import { Wire } from './wire.js';

const wire = new Wire();
afterEach(() => wire.close());

it.each<[string, () => Transport]>([
  ['AxiosTransport', () => new AxiosTransport()],
  ['UndiciTransport', () => new UndiciTransport()],
])('%s asks for no signal, which is made when it is asked for, where there is a cancellation', async (_name, make) => {
  const server = await wire.server();
  const transport = make();
  const request: HttpRequest = {
    method: 'GET',
    url: `${server.origin}/`,
    headers: {},
    responseType: 'json',
    cancellation: new Cancellation(),
    get signal(): AbortSignal {
      throw new Error('asked for');
    },
  };
  await expect(transport.send(request)).resolves.toMatchObject({ status: 200 });
  await transport.close?.();
});
