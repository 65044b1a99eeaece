/**
 * Requests over undici.
 * @module nestjs-forge-auth/undici
 */
export { UndiciTransport } from './undici.transport.js';
export type { UndiciTransportOptions } from './undici.transport.options.js';
