import type {
  AfterResponseHook,
  BeforeRequestHook,
  ErrorHook,
  HookList,
  NamedHook,
  OnErrorHook,
  RequestHook,
  ResponseHook,
} from '../client/layers/hooks.layer.js';
import type { ConfigurationError } from '../errors.js';
import { isClass } from '../option-check/option-check.js';
import { ownOptions } from '../option-check/own-options.js';

/** A class that the app has, or that the module creates. */
// oxlint-disable-next-line typescript/no-explicit-any -- what a constructor is given is the app's own
export type ClassOf<T> = new (...args: any[]) => T;

/** One hook or a list: functions, objects, or classes that the app or the module creates. */
type HookOption<Run, Instance> = Run | Instance | ClassOf<Instance> | readonly (Run | Instance | ClassOf<Instance>)[];

/** Hooks around a service's calls, each run once per call, in the order given; those of `defaults` first. */
export interface HookOptions {
  /** Hooks that run before a call is sent, and may change its headers. Left out: none. */
  beforeRequest?: HookOption<BeforeRequestHook, RequestHook>;
  /** Hooks that run when a call was answered, whatever the status. Left out: none. */
  afterResponse?: HookOption<AfterResponseHook, ResponseHook>;
  /** Hooks that run when a call fails, with what its caller gets. Left out: none. */
  onError?: HookOption<OnErrorHook, ErrorHook>;
}

const KINDS = ['beforeRequest', 'afterResponse', 'onError'] as const;

/** Makes hooks ready to run; undefined where there are none. A class named twice is created once. */
export async function resolveHooks(
  options: HookOptions,
  instantiate: <T>(type: unknown, what: string) => Promise<T>,
  refuse: (problem: string) => ConfigurationError,
): Promise<HookList | undefined> {
  const instances = new Map<unknown, Promise<unknown>>();
  const once = (type: unknown, what: string): Promise<unknown> => {
    const made = instances.get(type) ?? instantiate(type, what);
    instances.set(type, made);
    return made;
  };
  const list = async <Run>(kind: keyof HookOptions): Promise<NamedHook<Run>[]> => {
    const hooks: NamedHook<Run>[] = [];
    for (const hook of listOf(options[kind])) hooks.push(await resolveHook<Run>(hook, kind, once, refuse));
    return hooks;
  };
  const resolved: HookList = {
    beforeRequest: await list('beforeRequest'),
    afterResponse: await list('afterResponse'),
    onError: await list('onError'),
  };
  return KINDS.some((kind) => resolved[kind].length > 0) ? resolved : undefined;
}

/** Both, the first ones first. */
export function joinHooks(first: HookOptions | undefined, second: HookOptions | undefined): HookOptions | undefined {
  if (first === undefined || second === undefined) return second ?? first;
  const joined = KINDS.map((kind) => [kind, [...listOf(first[kind]), ...listOf(second[kind])]] as const);
  return ownOptions({ ...second, ...Object.fromEntries(joined) });
}

async function resolveHook<Run>(
  hook: unknown,
  kind: keyof HookOptions,
  once: (type: unknown, what: string) => Promise<unknown>,
  refuse: (problem: string) => ConfigurationError,
): Promise<NamedHook<Run>> {
  if (typeof hook === 'function' && !isClass(hook))
    return { name: `${kind} ${hook.name || 'function'}`, run: hook as Run };
  const instance = (typeof hook === 'function' ? await once(hook, `hooks.${kind}`) : hook) as Record<string, unknown>;
  const method = instance?.[kind];
  if (typeof method !== 'function') {
    throw refuse(`hooks.${kind} must be functions, or objects or classes with a method ${kind}().`);
  }
  return { name: `${instance.constructor?.name ?? 'object'}.${kind}`, run: method.bind(instance) as Run };
}

function listOf(hooks: unknown): readonly unknown[] {
  if (hooks === undefined) return [];
  return Array.isArray(hooks) ? hooks : [hooks];
}
