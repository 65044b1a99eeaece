import { openCore } from '../application/service-core.js';
import type { ClientCore } from '../client/client-core.js';
import { ForgeHttpClient } from '../client/forge-http-client.js';
import { type Clock, systemClock } from '../clock.js';
import { ConfigurationError } from '../errors.js';
import type { ForgeServiceOptions } from '../options/options.js';
import { type RecordedAnswerSource, type RecordedCall, RecordingTransport } from './recording.transport.js';
import { ownOptions } from '../option-check/own-options.js';
import { standaloneScope } from '../token/standalone.js';

/** Options of {@link RecordingForgeClient}: those of a service, but for what says where it is and who authenticates. */
export interface RecordingForgeClientOptions extends Partial<
  Omit<ForgeServiceOptions, 'auth' | 'transport' | 'storage' | 'lock' | 'axios' | 'pool' | 'tls'>
> {
  /**
   * Answers by `'METHOD /path'`; a list is given one by one, the last one for ever. Left out: those of `answer()`
   * alone.
   */
  answers?: Readonly<Record<string, RecordedAnswerSource | readonly RecordedAnswerSource[]>>;
  /** Source of the time. @default the machine's clock */
  clock?: Clock;
}

/**
 * A {@link ForgeHttpClient} that sends nothing: it answers by method and path, and records the calls.
 *
 * It is the real client over a transport of its own. Statuses outside `validateStatus` throw the same errors, retries,
 * hooks and all faces (`axiosRef`, `httpService`, `fetch`) work as they do in production. It has no tokens.
 *
 * ```ts
 * const orders = new RecordingForgeClient().answer('GET', '/orders/7', { data: { id: 7 } });
 * Test.createTestingModule(…).overrideProvider(getForgeClientToken('orders')).useValue(orders);
 * ```
 */
export class RecordingForgeClient extends ForgeHttpClient {
  readonly #transport: RecordingTransport;

  constructor(options: RecordingForgeClientOptions = {}) {
    const {
      answers = {},
      clock = systemClock,
      name = 'recording',
      baseUrl = 'http://recording.test',
      ...service
    } = ownOptions(options);
    const transport = new RecordingTransport();
    const open = (): Promise<ClientCore> =>
      openCore(
        { ...service, name, baseUrl, transport },
        {},
        { ...standaloneScope({ clock }, 'RecordingForgeClient', name), revealCauses: true, instantiate },
        refuseTokens,
      );
    super({
      name,
      core: undefined,
      baseUrl,
      tokens: undefined,
      pipeline: undefined,
      open,
      release: () => Promise.resolve(),
    });
    this.#transport = transport;
    for (const [route, given] of Object.entries(answers)) {
      const [method = '', path = ''] = route.split(/\s+/);
      this.answer(
        method,
        path,
        ...(Array.isArray(given) ? (given as RecordedAnswerSource[]) : [given as RecordedAnswerSource]),
      );
    }
  }

  /**
   * Answers calls of a method (`'*'`: any) and a path (absolute, without query). Of several answers each is given once,
   * in order, the last one for ever. A later `answer()` for the same path takes the place of an earlier one.
   */
  answer(method: string, path: string | RegExp, ...answers: RecordedAnswerSource[]): this {
    this.#transport.route(method, path, answers);
    return this;
  }

  /** Every call so far, in order, each attempt of a retried one. */
  get calls(): readonly RecordedCall[] {
    return this.#transport.calls;
  }

  /** The calls of one method and path. */
  callsTo(method: string, path: string): readonly RecordedCall[] {
    return this.calls.filter((call) => call.method === method.toUpperCase() && call.path === path);
  }

  /** Forgets the calls, not the answers. */
  reset(): void {
    this.#transport.calls.length = 0;
  }
}

async function instantiate<T>(type: unknown): Promise<T> {
  return new (type as new () => T)();
}

function refuseTokens(): never {
  throw new ConfigurationError('A RecordingForgeClient has no tokens.');
}
