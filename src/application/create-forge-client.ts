import { checkOptions, type OptionRules } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';
import type { ForgeHttpClient } from '../client/forge-http-client.js';
import { type ForgeLogger, guardedLogger, silentLogger } from '../logger.js';
import { ConfigurationError } from '../errors.js';
import { ForgeAuthApplication } from './application.js';
import type { Telemetry } from './telemetry.js';
import type { Host } from './host.js';
import { InMemoryTokenStorage } from '../storage/in-memory.token-storage.js';
import type { ForgeServiceOptions } from '../options/options.js';
import type { TokenLock } from '../lock/token-lock.js';
import { storageOf } from '../storage/get-set.token-storage.js';
import type { GetSet, TokenStorage } from '../storage/token-storage.js';
import { ownOptions } from '../option-check/own-options.js';
import { instantiateAlone } from '../token/standalone.js';

/** Options that a client outside Nest may share with others. */
export interface ForgeClientOptions {
  /** Store of the tokens. @default a bounded memory of its own */
  storage?: TokenStorage | GetSet;
  /** Makes one process of many ask for a token. @default on the storage's Redis, else in this process */
  lock?: TokenLock;
  /** Logger of the client's few lines. @default nothing is logged */
  logger?: ForgeLogger;
  /** Measures and traces the client: `new ForgeTelemetry()` of `nestjs-forge-auth/opentelemetry`. Left out: neither. */
  telemetry?: Telemetry;
  /** Shows errors of the app's own code with their messages. @default `process.env.NODE_ENV !== 'production'` */
  revealCauses?: boolean;
}

const RULES_OF: OptionRules<ForgeClientOptions> = Object.freeze({
  storage: RULES.any,
  lock: RULES.lock,
  logger: RULES.logger,
  telemetry: RULES.telemetry,
  revealCauses: RULES.switch,
});

/**
 * The same client outside Nest: in a script, a worker, a test.
 *
 * Classes are created without arguments; there is no injector. Close it when it is no longer needed, or declare it with
 * `await using`.
 * @throws {ConfigurationError} at the first call, when an option is wrong
 */
export function createForgeClient(service: ForgeServiceOptions, given: ForgeClientOptions = {}): ForgeHttpClient {
  if (typeof service !== 'object' || service === null)
    throw new ConfigurationError(
      'createForgeClient() takes the options of a service, its name among them: createForgeClient({ name, baseUrl, auth }).',
    );
  checkOptions(given, RULES_OF, {
    refuse: (problem) => new ConfigurationError(`createForgeClient("${String(service?.name)}"): ${problem}`),
  });
  const options = ownOptions(given);
  const application = new ForgeAuthApplication(host(guardedLogger(options.logger ?? silentLogger)));
  application.configure({
    services: [service],
    ...(options.lock === undefined ? undefined : { lock: options.lock }),
    ...(options.revealCauses === undefined ? undefined : { revealCauses: options.revealCauses }),
  });
  application.useStorage(
    options.storage === undefined
      ? new InMemoryTokenStorage()
      : storageOf(options.storage, `Service "${service.name}"`),
  );
  if (options.telemetry !== undefined) application.attach(options.telemetry);
  return application.client(service.name);
}

function host(logger: ForgeLogger): Host {
  return {
    logger,
    endsWithClient: true,
    instantiate: instantiateAlone,
    async storageOf(option, owner) {
      if (typeof option === 'object') return storageOf(option as TokenStorage | GetSet, owner);
      throw new ConfigurationError(
        `${owner}: storage is an injection token, which means nothing outside Nest. Give an instance.`,
      );
    },
  };
}
