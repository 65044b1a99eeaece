import { Inject, Injectable } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { systemClock, timeoutSignal } from '../clock.js';
import { ConfigurationError, isForgeAuthError } from '../errors.js';
import { checkOptions, type OptionRules } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';
import { ownOptions } from '../option-check/own-options.js';
import { ForgeAuthService } from '../nest/forge-auth.service.js';
import { type HealthStatus, healthOf, type ServiceHealth, storageHealthOf, worstOf } from './service-health.js';

/** Longest time that a probe waits for a token. */
const PROBE_TIMEOUT_MS = 5_000;

/** Options of {@link ForgeAuthHealthIndicator.check}. */
export interface ForgeAuthHealthOptions {
  /** Names of the services that count. @default all */
  services?: readonly string[];
  /** True when a service without a valid token asks for one. @default false: nothing is asked of anybody */
  probe?: boolean;
  /** Longest time that a probe waits for a token, in milliseconds. @default 5_000 */
  probeTimeoutMs?: number;
}

const RULES_OF: OptionRules<ForgeAuthHealthOptions> = Object.freeze({
  services: RULES.texts,
  probe: RULES.switch,
  probeTimeoutMs: RULES.durationMs,
});

/** Data of a result beside its status. */
interface HealthData {
  readonly services: Readonly<Record<string, ServiceHealth>>;
  /** Of the storages that tokens are shared by. */
  readonly storage: ServiceHealth;
  readonly [key: string]: unknown;
}

/** Maker of results in a Terminus of either version: 11 knows no `degraded`. */
interface Session<Key extends string> {
  up(data: HealthData): HealthIndicatorResult<Key>;
  down(data: HealthData): HealthIndicatorResult<Key>;
  degraded?(data: HealthData): HealthIndicatorResult<Key>;
}

/**
 * Reports to Terminus how the tokens of an application are.
 *
 * `up`; `degraded` where calls work but the issuer or the storage behind them fails; `down` only where a call would fail
 * now. Terminus 11 knows no `degraded`: there the result is `up`, with `degraded: true` beside it. Results hold names,
 * states and error codes, and no secret.
 */
@Injectable()
export class ForgeAuthHealthIndicator {
  readonly #services: ForgeAuthService;
  readonly #indicators: HealthIndicatorService;

  constructor(
    @Inject(ForgeAuthService) services: ForgeAuthService,
    @Inject(HealthIndicatorService) indicators: HealthIndicatorService,
  ) {
    this.#services = services;
    this.#indicators = indicators;
  }

  /**
   * Checks services by what is known of them; with `probe` those without a valid token ask for one.
   * @throws {ConfigurationError} when no service has one of the names, or an option is malformed or unknown
   */
  async check<const Key extends string>(
    key: Key,
    options: ForgeAuthHealthOptions = {},
  ): Promise<HealthIndicatorResult<Key>> {
    checkOptions(options, RULES_OF, {
      refuse: (problem) => new ConfigurationError(`ForgeAuthHealthIndicator.check(): ${problem}`),
    });
    const { services, probe = false, probeTimeoutMs = PROBE_TIMEOUT_MS } = ownOptions(options);
    for (const name of services ?? []) this.#services.client(name);
    const failures = probe ? await this.#probe(services, probeTimeoutMs) : new Map<string, string>();
    const state = this.#services.describe();
    const known = state.services
      .filter(({ name }) => services?.includes(name) ?? true)
      .map((service) => [service.name, healthOf(service, state.at, failures.get(service.name))] as const);
    const data: HealthData = { services: Object.fromEntries(known), storage: storageHealthOf(state.storages) };
    const status = worstOf([...known.map(([, health]) => health.status), data.storage.status]);
    return resultOf(this.#indicators.check(key) as unknown as Session<Key>, status, data);
  }

  /** Codes of the errors that services failed to obtain a token with. */
  async #probe(services: readonly string[] | undefined, timeoutMs: number): Promise<Map<string, string>> {
    const failures = new Map<string, string>();
    const probed = this.#services
      .describe()
      .services.filter(({ name, token }) => token !== undefined && (services?.includes(name) ?? true));
    await Promise.all(
      probed.map(async ({ name }) => {
        try {
          const source = await this.#services.tokens(name).ready();
          await source.for().get(timeoutSignal(systemClock, timeoutMs));
        } catch (error) {
          failures.set(name, isForgeAuthError(error) ? error.code : 'FORGE_AUTH_TIMEOUT');
        }
      }),
    );
    return failures;
  }
}

function resultOf<Key extends string>(
  session: Session<Key>,
  status: HealthStatus,
  data: HealthData,
): HealthIndicatorResult<Key> {
  if (status === 'up') return session.up(data);
  if (status === 'down') return session.down(data);
  return session.degraded?.(data) ?? session.up({ ...data, degraded: true });
}
