import { type DynamicModule, Global, Module } from '@nestjs/common';
import type { Clock } from '../clock.js';
import { FORGE_AUTH_CLOCK } from '../nest/forge-auth.registry.js';
import { TestIssuer } from './issuer/test-issuer.js';

/** Options of `ForgeTestingModule.forRoot()`. */
export interface ForgeTestingOptions {
  /** The time of the whole application: of its tokens, retries, timeouts and circuits. @default the machine's */
  clock?: Clock;
  /**
   * Issuer that can be injected as `TestIssuer`, and tells the age of its tokens by `clock`. Whoever started it closes
   * it. Left out: none.
   */
  issuer?: TestIssuer;
}

/** Puts an application under a test's control: its time, and its issuer. Import it beside `ForgeAuthModule`. */
@Global()
@Module({})
export class ForgeTestingModule {
  /** Makes the module, for `imports` of a testing module. */
  static forRoot({ clock, issuer }: ForgeTestingOptions = {}): DynamicModule {
    if (clock !== undefined) issuer?.useClock(clock);
    const providers = [
      ...(clock === undefined ? [] : [{ provide: FORGE_AUTH_CLOCK, useValue: clock }]),
      ...(issuer === undefined ? [] : [{ provide: TestIssuer, useValue: issuer }]),
    ];
    return { module: ForgeTestingModule, providers, exports: providers };
  }
}
