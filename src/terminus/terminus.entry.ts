/**
 * A health indicator for Terminus.
 * @module nestjs-forge-auth/terminus
 */
export { ForgeAuthHealthIndicator, type ForgeAuthHealthOptions } from './forge-auth.health-indicator.js';
export type { HealthStatus, ServiceHealth } from './service-health.js';
