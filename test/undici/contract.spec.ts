import { AxiosTransport, type Transport } from 'nestjs-forge-auth';
import { transportContract } from 'nestjs-forge-auth/testing';
import { UndiciTransport } from 'nestjs-forge-auth/undici';
import { Agent } from 'undici';

const transports: readonly (readonly [string, () => Transport])[] = [
  ['AxiosTransport', () => new AxiosTransport()],
  ['UndiciTransport', () => new UndiciTransport()],
  ['UndiciTransport over an Agent', () => new UndiciTransport(new Agent())],
];

describe.each(transports)('%s', (_name, make) => {
  it.each(Object.entries(transportContract))('%s', async (_check, check) => {
    const transport = make();
    try {
      await check(transport);
    } finally {
      await transport.close?.();
    }
  });
});

it('refuses a contract that a transport breaks', async () => {
  const broken: Transport = { send: async ({ url }) => ({ status: 200, headers: {}, body: Buffer.alloc(0), url }) };
  const checks = await Promise.allSettled(Object.values(transportContract).map((check) => check(broken)));
  expect(checks.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(15);
});
