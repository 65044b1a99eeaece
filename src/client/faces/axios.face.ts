import axios, { type AxiosAdapter, type AxiosInstance } from 'axios';
import { loadedWhenCalled } from '../../lazy.js';
import { defineOwn } from '../../option-check/own-options.js';
import { pristineDefaults } from './axios-defaults.js';
import type { OpenCore } from './axios-exchange.js';
import type { RequestConfig } from '../request/request-config.js';

/** Options of this package for a call through an axios face, beside those that axios knows. */
export type ForgeAxiosOptions = Pick<RequestConfig, 'auth' | 'idempotent' | 'retry' | 'totalTimeoutMs'>;

declare module 'axios' {
  interface AxiosRequestConfig {
    /** Options of the call for nestjs-forge-auth. */
    forge?: ForgeAxiosOptions;
  }
}

/** Access of a face to its client. */
export interface FaceOwner {
  /** The client's chain, opened on first use. */
  readonly open: OpenCore;
  /** The service's base URL, as far as it is known yet. */
  baseUrl(): string | undefined;
  /** The service's timeout, as far as it is known yet. */
  timeoutMs(): number | undefined;
}

/**
 * A real axios instance whose adapter is the service's client: interceptors, transforms, `validateStatus`, cancellation
 * and progress work as ever, and below them every request is authenticated, retried, redirected and redacted.
 */
export function createAxiosFace(owner: FaceOwner): AxiosInstance {
  // oxlint-disable-next-line import/no-named-as-default-member -- axios 1.18 has no export `create`
  const instance = axios.create();
  // Emptied in place: instances that are made of this one begin with the same object.
  for (const name of Object.keys(instance.defaults))
    delete (instance.defaults as unknown as Record<string, unknown>)[name];
  Object.assign(instance.defaults, pristineDefaults(), { adapter: adapterOf(owner) });
  // Code looks here; a service's options may be made after its face.
  mirror(instance.defaults, 'baseURL', () => owner.baseUrl());
  mirror(instance.defaults, 'timeout', () => owner.timeoutMs());
  return instance;
}

/** A default that is the service's until somebody sets another. */
function mirror(defaults: object, name: string, read: () => unknown): void {
  const initial: unknown = Reflect.get(defaults, name);
  const keep = (value: unknown): void => {
    defineOwn(defaults, name, { value, enumerable: true, configurable: true, writable: true });
  };
  const get = (): unknown => {
    const value = read();
    if (value !== undefined) keep(value);
    return value ?? initial;
  };
  defineOwn(defaults, name, { get, set: keep, enumerable: true, configurable: true });
}

/** An adapter that makes its requests through a client; `below` then sends them, in place of axios's own `http`. */
export function adapterOf(owner: FaceOwner, below?: AxiosAdapter): AxiosAdapter {
  return loadedWhenCalled(async () => {
    const { exchange } = await import('./axios-exchange.js');
    return (config) => exchange(owner.open, config, below);
  });
}
