import { type DynamicModule, Global, Module } from '@nestjs/common';
import type { Clock } from '../clock.js';
import { ConfigurationError } from '../errors.js';
import { FORGE_AUTH_CLOCK } from '../nest/forge-auth.registry.js';
import { checkOptions, hasMethods, type OptionRules } from '../option-check/option-check.js';
import { ownOptions } from '../option-check/own-options.js';
import { TestIssuer } from './issuer/test-issuer.js';

/** Options of `ForgeTestingModule.forRoot()`. */
export interface ForgeTestingOptions {
  /** The time of the whole application: of its tokens, retries, timeouts and circuits. @default the machine's */
  clock?: Clock;
  /**
   * Issuer that can be injected as `TestIssuer`, and reckons the age of its tokens by `clock`. Whoever started it closes
   * it. Left out: none.
   */
  issuer?: TestIssuer;
}

const RULES_OF: OptionRules<ForgeTestingOptions> = Object.freeze({
  clock: { accepts: (value) => hasMethods(value, 'now', 'after', 'random'), what: 'a clock, such as new FakeClock()' },
  issuer: { accepts: (value) => hasMethods(value, 'useClock'), what: 'a TestIssuer: await TestIssuer.start()' },
});

/** Puts an application under a test's control: its time, and its issuer. Import it beside `ForgeAuthModule`. */
@Global()
@Module({})
export class ForgeTestingModule {
  /**
   * Makes the module, for `imports` of a testing module.
   * @throws {ConfigurationError} when a clock or an issuer is none, or an option unknown
   */
  static forRoot(options: ForgeTestingOptions = {}): DynamicModule {
    checkOptions(options, RULES_OF, {
      refuse: (problem) => new ConfigurationError(`ForgeTestingModule.forRoot(): ${problem}`),
    });
    const { clock, issuer } = ownOptions(options);
    if (clock !== undefined) issuer?.useClock(clock);
    const providers = [
      ...(clock === undefined ? [] : [{ provide: FORGE_AUTH_CLOCK, useValue: clock }]),
      ...(issuer === undefined ? [] : [{ provide: TestIssuer, useValue: issuer }]),
    ];
    return { module: ForgeTestingModule, providers, exports: providers };
  }
}
