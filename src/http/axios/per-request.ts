/** Settings that the adapter must not take from a shared config: set for each request, or done elsewhere. */
export const PER_REQUEST = {
  url: undefined,
  method: undefined,
  baseURL: undefined,
  params: undefined,
  data: undefined,
  headers: undefined,
  auth: undefined,
  responseType: undefined,
  cancelToken: undefined,
  signal: undefined,
  beforeRedirect: undefined,
  transformRequest: undefined,
  transformResponse: undefined,
  timeout: 0,
  maxRedirects: 0,
  validateStatus: null,
} as const;

/** Checks whether a setting of axios is not taken from a shared config. */
export function isSetPerRequest(name: string): boolean {
  return Object.hasOwn(PER_REQUEST, name);
}
