/** Kind and state of a storage. Holds no secret. */
export interface StorageState {
  /** Name of its class, such as `CacheManagerTokenStorage`. */
  readonly kind: string;
  /** `down` from a failure until it answers again: tokens are not shared meanwhile, calls go on. */
  readonly state: 'up' | 'down';
  /** `down` where it does not answer, or refuses what is written, as a replica or a full Redis does. */
  readonly writeState: 'up' | 'down';
  /** Name of its lock's class. */
  readonly lock: string;
  /** `down` from a failure until it is granted or refused again: each process asks for its own tokens meanwhile. */
  readonly lockState: 'up' | 'down';
  readonly encrypted: boolean;
}

/** Returns the name of a class, as far as it is one; `Object` says nothing. */
export function kindOf(instance: object): string | undefined {
  const { name } = instance.constructor ?? {};
  return typeof name === 'string' && name !== 'Object' && /^\w{1,64}$/.test(name) ? name : undefined;
}
