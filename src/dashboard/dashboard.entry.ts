/**
 * A page for the people who run the application: tokens, renewals, failures, circuits.
 * @module nestjs-forge-auth/dashboard
 */
export type { DashboardGuard } from './dashboard.guard.js';
export { ForgeDashboardModule, type ForgeDashboardOptions } from './forge-dashboard.module.js';
