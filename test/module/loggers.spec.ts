import { ConsoleLogger, type ConsoleLoggerOptions, type LoggerService } from '@nestjs/common';
import {
  ClientCredentialsTokenProvider,
  ForgeAuthModule,
  type ForgeHttpClient,
  getForgeClientToken,
  type LoggingOptions,
} from 'nestjs-forge-auth';
import { type ProtectedApi, startProtectedApi } from '../faces/protected-api.js';
import { CLIENT } from '../support/token-endpoint.js';
import { boot } from './boot.js';

/** Fields that each entry has beside its line. */
const FIELDS = {
  service: 'orders',
  method: 'GET',
  status: 200,
  attempt: 1,
  requestId: 'given-1',
  responseHeaders: expect.objectContaining({ 'content-type': 'application/json' }) as object,
};
const LINE = /^GET http:\/\/\S+\/orders 200 in \d+ ms \(attempt 1, request given-1, token …[\w-]{8}\)$/;

describe("an attempt's entry in the app's logger", () => {
  let service: ProtectedApi;

  beforeEach(async () => {
    service = await startProtectedApi();
  });

  afterEach(async () => {
    await service.close();
  });

  it("an attempt's entry in the app's logger is a line with fields beside it in Nest's JSON", async () => {
    const [entry, ...more] = (await entriesOfNest({ json: true })).map(parse);
    expect(more).toEqual([]);
    expect(entry).toMatchObject({
      context: 'ForgeAuth',
      message: expect.stringMatching(LINE) as string,
      params: FIELDS,
    });
  });

  it("an attempt's entry in the app's logger is one object in Nest's JSON where fields beside a line make a second entry, as in Nest 11", async () => {
    const [entry, ...more] = (await entriesOfNest({ json: true, structuredParams: false })).map(parse);
    expect(more).toEqual([]);
    expect(entry).toMatchObject({
      context: 'ForgeAuth',
      message: { message: expect.stringMatching(LINE) as string, ...FIELDS },
    });
  });

  it.each([true, false])(
    "an attempt's entry in the app's logger is one line of Nest's text, with structuredParams %s",
    async (structuredParams) => {
      const [entry, ...more] = await entriesOfNest({ colors: false, structuredParams });
      expect(more).toEqual([]);
      expect(entry).toMatch(
        /\[ForgeAuth\] GET http:\S+ 200 in .*\) \{ service: 'orders', .*'application\/json'.*\}\n$/,
      );
    },
  );

  it("an attempt's entry in the app's logger is one object for a logger that drops what follows a text", async () => {
    const entries: unknown[] = [];
    const write = (message: unknown): void => void entries.push(JSON.parse(JSON.stringify(message)));
    await callWith({ log: write, warn: write, error: write }, { asObject: true });
    expect(entries.filter((entry) => typeof entry === 'object')).toEqual([
      expect.objectContaining({ message: expect.stringMatching(LINE) as string, ...FIELDS }),
    ]);
  });

  it.each([{}, { asObject: true }])('reads as a text to a logger that takes texts: %j', async (options) => {
    const texts: string[] = [];
    const write = (message: unknown): void => void texts.push(`${message as string}`);
    await callWith({ log: write, warn: write, error: write }, options);
    expect(texts.filter((text) => text.startsWith('GET'))).toHaveLength(1);
  });

  async function entriesOfNest(options: ConsoleLoggerOptions): Promise<string[]> {
    const written: string[] = [];
    const write = process.stdout.write.bind(process.stdout);
    process.stdout.write = (chunk: string | Uint8Array) => written.push(String(chunk)) > 0;
    try {
      await callWith(new ConsoleLogger(options));
    } finally {
      process.stdout.write = write;
    }
    return written.filter((entry) => entry.includes('GET http'));
  }

  /** One call of an app that logs to it. */
  async function callWith(logger: LoggerService, options: LoggingOptions = {}): Promise<void> {
    const app = await boot(
      {
        imports: [
          ForgeAuthModule.forRoot({
            services: [
              {
                name: 'orders',
                baseUrl: service.api.origin,
                auth: { provider: new ClientCredentialsTokenProvider({ tokenUrl: service.tokens.url, ...CLIENT }) },
                logging: { headers: true, ...options },
              },
            ],
          }),
        ],
      },
      { logger },
    );
    const client = app.get<ForgeHttpClient>(getForgeClientToken('orders'));
    await client.get('/orders', { headers: { 'x-request-id': 'given-1' } });
    await app.close();
  }
});

function parse(entry: string): unknown {
  return JSON.parse(entry);
}
