import { type DynamicModule, Module, type ModuleMetadata } from '@nestjs/common';
import { ConfigurationError } from '../errors.js';
import { createDashboardController } from './dashboard.controller.js';
import { DashboardService, MAX_STREAMS } from './dashboard.service.js';
import type { DashboardGuard } from './dashboard.guard.js';
import { checkOptions, type OptionRules } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';
import { ownOptions } from '../option-check/own-options.js';

/** Options of `ForgeDashboardModule.forRoot()`. */
export interface ForgeDashboardOptions {
  /** Path of the page. Letters, digits, `-`, `_`, `.` and `~`, below the app's global prefix. @default '/forge-auth' */
  path?: string;
  /**
   * Access to the dashboard: a guard of Nest's, its class, or a function of the request. There is no default; `false`
   * lets everybody in who can reach it.
   */
  guard: DashboardGuard;
  /** Modules that provide what the guard's class injects. @default [] */
  imports?: ModuleMetadata['imports'];
  /** Pages that may listen at the same time; further ones ask every few seconds. @default 20 */
  maxStreams?: number;
}

/** Values are checked where they are used. */
const RULES_OF: OptionRules<ForgeDashboardOptions> = Object.freeze({
  path: RULES.any,
  guard: RULES.any,
  imports: RULES.any,
  maxStreams: RULES.any,
});

/**
 * One page for the people who run the application: every service with the life of its token, renewals and failures of the
 * last hour, circuits, storages and pipelines; and buttons to renew, invalidate and warm up.
 *
 * It shows no secret, loads nothing from elsewhere, and shows this process alone.
 */
@Module({})
export class ForgeDashboardModule {
  /**
   * Adds the page and its data below a path of the app.
   * @throws {ConfigurationError} when there is no guard, or the path is none
   */
  static forRoot(options: ForgeDashboardOptions): DynamicModule {
    const { path = '/forge-auth', guard, imports = [], maxStreams = 20 } = ownOptions(options);
    if (typeof path !== 'string' || !/^\/?[\w.~-]+(?:\/[\w.~-]+)*\/?$/.test(path)) {
      throw new ConfigurationError(
        "ForgeDashboardModule.forRoot(): path must be one or more names, such as '/forge-auth'.",
      );
    }
    if (!Number.isInteger(maxStreams) || maxStreams < 0)
      throw new ConfigurationError('ForgeDashboardModule.forRoot(): maxStreams must be a whole number, zero or more.');
    const controller = createDashboardController(path, guard);
    checkOptions(options, RULES_OF, {
      refuse: (problem) => new ConfigurationError(`ForgeDashboardModule.forRoot(): ${problem}`),
    });
    return {
      module: ForgeDashboardModule,
      imports,
      controllers: [controller],
      providers: [DashboardService, { provide: MAX_STREAMS, useValue: maxStreams }],
    };
  }
}
