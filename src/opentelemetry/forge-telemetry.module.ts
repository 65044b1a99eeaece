import { type DynamicModule, Inject, Module } from '@nestjs/common';
import { ForgeAuthRegistry } from '../nest/forge-auth.registry.js';
import { ForgeTelemetry, type ForgeTelemetryOptions } from './forge.telemetry.js';

const TELEMETRY = 'FORGE_AUTH_TELEMETRY';

/** Measures and traces the calls and tokens of an application by OpenTelemetry. Import it beside `ForgeAuthModule`. */
@Module({})
export class ForgeTelemetryModule {
  constructor(@Inject(ForgeAuthRegistry) registry: ForgeAuthRegistry, @Inject(TELEMETRY) telemetry: ForgeTelemetry) {
    registry.attach(telemetry);
  }

  /** Without providers it takes the global ones: start the SDK before the application. */
  static forRoot(options: ForgeTelemetryOptions = {}): DynamicModule {
    return {
      module: ForgeTelemetryModule,
      providers: [{ provide: TELEMETRY, useFactory: () => new ForgeTelemetry(options) }],
    };
  }
}
