import { checkOptions, definitionPlace, type OptionRules } from '../../option-check/option-check.js';
import { RULES } from '../../option-check/option-rules.js';
import { randomUUID } from 'node:crypto';
import { ConfigurationError } from '../../errors.js';
import type { HookedCall, RequestHook } from '../layers/hooks.layer.js';
import { askAtOnce } from '../../option-check/at-once.js';
import { ownOptions } from '../../option-check/own-options.js';

/** Options of {@link CorrelationIdHook}. */
export interface CorrelationIdHookOptions {
  /** Header that carries the id. @default 'X-Correlation-ID' */
  headerName?: string;
  /** Makes or finds the id of a call: that of the request being served, say. @default a random UUID */
  generate?: () => string;
}

const RULES_OF: OptionRules<CorrelationIdHookOptions> = Object.freeze({
  headerName: RULES.any,
  generate: RULES.function,
});

/** Gives each call an id that stays the same for all its attempts. One that the call brings is left alone. */
export class CorrelationIdHook implements RequestHook {
  readonly #headerName: string;
  readonly #generate: () => string;

  /** @throws {ConfigurationError} when `headerName` cannot be a header's name */
  constructor(options: CorrelationIdHookOptions = {}) {
    const { headerName = 'X-Correlation-ID', generate = randomUUID } = ownOptions(options);
    checkOptions(options, RULES_OF, definitionPlace(this));
    if (typeof headerName !== 'string' || !/^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/.test(headerName)) {
      throw new ConfigurationError("CorrelationIdHook: headerName must be a header name such as 'X-Correlation-ID'.");
    }
    this.#headerName = headerName.toLowerCase();
    this.#generate = generate;
  }

  /** Writes the id's header, unless the call has one. @throws {ConfigurationError} when `generate` returns a promise */
  beforeRequest({ headers }: HookedCall): void {
    headers[this.#headerName] ??= askAtOnce('generate()', () => this.#generate());
  }
}
