import axios, { Axios, type AxiosDefaults, type AxiosRequestConfig, type ParamsSerializerOptions } from 'axios';
import { askAtOnce } from '../../option-check/at-once.js';

/** Defaults as axios made them before anybody could change them, as far as they cannot be written down here. */
const { defaults: global } = axios;
const ORIGINAL = Object.freeze({
  transformRequest: originalOf(global.transformRequest, 'transformRequest'),
  transformResponse: originalOf(global.transformResponse, 'transformResponse'),
  env: Object.freeze({ ...global.env }),
  validateStatus: global.validateStatus,
});

const METHODS = ['delete', 'get', 'head', 'options', 'post', 'put', 'patch', 'purge', 'link', 'unlink', 'query'];

/** Headers that axios gives every request. */
const COMMON_HEADERS = Object.freeze({ Accept: 'application/json, text/plain, */*', 'Content-Type': undefined });

/**
 * The defaults of an axios instance as axios ships them. `axios.defaults` is the whole process's: an app may put there
 * the address and the secret of another service, which must reach none of ours.
 */
export function pristineDefaults(): AxiosDefaults {
  return {
    transitional: { silentJSONParsing: true, forcedJSONParsing: true, clarifyTimeoutError: false },
    transformRequest: [...ORIGINAL.transformRequest],
    transformResponse: [...ORIGINAL.transformResponse],
    timeout: 0,
    xsrfCookieName: 'XSRF-TOKEN',
    xsrfHeaderName: 'X-XSRF-TOKEN',
    maxContentLength: -1,
    maxBodyLength: -1,
    env: { ...ORIGINAL.env },
    validateStatus: ORIGINAL.validateStatus,
    headers: { common: { ...COMMON_HEADERS }, ...Object.fromEntries(METHODS.map((method) => [method, {}])) },
  } as unknown as AxiosDefaults;
}

/** Checks whether it is the rule of axios itself: nobody has chosen one. */
export function isOriginalValidateStatus(validateStatus: unknown): boolean {
  return validateStatus === ORIGINAL.validateStatus;
}

/** Checks whether an instance has a header from axios or the process's defaults: nobody chose it for the instance. */
export function isInheritedHeader(name: string, value: unknown): boolean {
  const [original, inherited] = [COMMON_HEADERS, global.headers.common] as unknown as Record<string, unknown>[];
  return [original, inherited].some((headers) => Object.hasOwn(headers ?? {}, name) && headers?.[name] === value);
}

const plain = new Axios({});

/** Writes a query as axios does, without a leading `?`. */
export function axiosQueryOf({ params, paramsSerializer }: AxiosRequestConfig): string {
  const given = paramsSerializer === undefined ? {} : { paramsSerializer: answeringAtOnce(paramsSerializer) };
  return plain.getUri({ params: params as unknown, ...given }).replace(/^[?&]/, '');
}

type Serializer = NonNullable<AxiosRequestConfig['paramsSerializer']>;

/** Options with functions, or a function, which axios takes, too. */
function answeringAtOnce(given: Serializer): Serializer {
  const options: ParamsSerializerOptions & { serialize?: (params: Record<string, unknown>, how?: never) => string } =
    typeof given === 'function' ? { serialize: given } : { ...given };
  const { serialize } = options;
  if (typeof serialize !== 'function') return options;
  return { ...options, serialize: (params, how) => askAtOnce('paramsSerializer', () => serialize(params, how)) };
}

/** Whoever loaded first may have put transforms of his own before or behind it. */
function originalOf<T>(transforms: T | T[] | undefined, name: string): T[] {
  const all = transforms === undefined ? [] : [transforms].flat();
  const original = all.find((transform) => (transform as { name?: string }).name === name);
  return (original === undefined ? all : [original]) as T[];
}
