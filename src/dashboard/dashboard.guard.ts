import type { CanActivate, ExecutionContext, Type } from '@nestjs/common';
import { ConfigurationError } from '../errors.js';
import { isClass } from '../option-check/option-check.js';

/**
 * Access to the dashboard: a guard of Nest's, its class, or a function of the request. `false`: everybody who can
 * reach it.
 */
export type DashboardGuard =
  | Type<CanActivate>
  | CanActivate
  // The request of the app's own platform, with what its middleware added to it.
  // oxlint-disable-next-line typescript/no-explicit-any
  | ((request: any, context: ExecutionContext) => boolean | Promise<boolean>)
  | false;

/**
 * The guard as Nest takes it; undefined for `false`.
 * @throws {ConfigurationError} when there is none
 */
export function guardOf(guard: DashboardGuard | undefined): Type<CanActivate> | CanActivate | undefined {
  if (guard === false) return undefined;
  if (typeof guard === 'object' && guard !== null && typeof guard.canActivate === 'function') return guard;
  if (typeof guard !== 'function') {
    throw new ConfigurationError(
      'ForgeDashboardModule.forRoot(): guard is missing. The dashboard renews and drops tokens: say who may see it, guard: AdminGuard or guard: (request) => …; or guard: false, where nobody else can reach it.',
    );
  }
  if (isClass(guard, 'canActivate')) return guard as Type<CanActivate>;
  const allows = guard as (request: unknown, context: ExecutionContext) => boolean | Promise<boolean>;
  return {
    canActivate: async (context) => (await allows(context.switchToHttp().getRequest(), context)) === true,
  };
}
