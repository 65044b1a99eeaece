export type { DashboardGuard } from './dashboard.guard.js';
export { ForgeDashboardModule, type ForgeDashboardOptions } from './forge-dashboard.module.js';
