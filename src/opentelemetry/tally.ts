import type { Attributes } from '@opentelemetry/api';

/**
 * Counts of what happens on every call, by service and age of the token. They are kept as plain numbers and added to the
 * SDK's counter at each collection: the SDK serialises the attributes of whatever it is given.
 *
 * What was counted is added, not observed: applications on one meter provider add up, counts of a closed one stay, and
 * views that leave out an attribute sum over it.
 */
export class Tally {
  readonly #add: (count: number, attributes: Attributes) => void;
  readonly #counts = new Map<string | undefined, Map<string, number>>();

  /** @param add adds to the SDK's counter */
  constructor(add: (count: number, attributes: Attributes) => void) {
    this.#add = add;
  }

  count(service: string | undefined, age: string): void {
    let counts = this.#counts.get(service);
    if (counts === undefined) this.#counts.set(service, (counts = new Map()));
    const counted = counts.get(age);
    // The first is added at once: a series begins when it was first counted.
    if (counted === undefined) this.#add(1, attributesOf(service, age));
    counts.set(age, counted === undefined ? 0 : counted + 1);
  }

  /** Adds what was counted since the last time. */
  flush(): void {
    for (const [service, counts] of this.#counts)
      for (const [age, count] of counts) {
        if (count === 0) continue;
        counts.set(age, 0);
        this.#add(count, attributesOf(service, age));
      }
  }
}

function attributesOf(service: string | undefined, age: string): Attributes {
  return { ...(service === undefined ? undefined : { service }), age };
}
