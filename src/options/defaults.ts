/** Defaults of a service, unless it says otherwise. Durations are in milliseconds. */
export const SERVICE_DEFAULTS = Object.freeze({
  /** Longer than a slow answer, shorter than the patience of whoever called the app. */
  timeoutMs: 30_000,
  /** More hops than this are a loop. */
  maxRedirects: 10,
  /** Accepts what the Fetch standard calls ok. */
  validateStatus: (status: number): boolean => status >= 200 && status < 300,
  /** As axios has it: APIs answer JSON unless asked for something else. */
  headers: Object.freeze({ accept: 'application/json, text/plain, */*' }),
});
