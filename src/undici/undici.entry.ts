export { UndiciTransport } from './undici.transport.js';
export type { UndiciTransportOptions } from './undici.transport.options.js';
