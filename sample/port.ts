import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

const DEFAULT_PORT = 3_000;

/**
 * Port that the app is to serve on: 3000, unless `PORT` says otherwise.
 * @throws {Error} with a line for whoever started the sample, when it cannot be there
 */
export async function portFrom({ PORT = String(DEFAULT_PORT) }: NodeJS.ProcessEnv): Promise<number> {
  const port = Number(PORT);
  if (!/^\d+$/.test(PORT) || port > 65_535) throw new Error(`PORT is "${PORT}". Give a number from 0 to 65535.`);
  const probe = createServer();
  try {
    await once(probe.listen(port, '127.0.0.1'), 'listening');
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    const line = `Port ${port} is taken (${code}). Choose another one: PORT=${port + 1} npm start`;
    throw new Error(line, { cause: error });
  }
  const { port: free } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return free;
}
