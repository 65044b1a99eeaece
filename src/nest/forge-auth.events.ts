import { Inject, Injectable } from '@nestjs/common';
import { Observable } from 'rxjs';
import type { ForgeAuthEvent } from '../observer.js';
import { ForgeAuthRegistry } from './forge-auth.registry.js';

/**
 * Stream of what happens to the application's tokens and calls, as it happens. Inject it.
 *
 * A cold stream: it costs nothing until somebody subscribes, and nothing again when the last one has left. It never
 * completes and never fails. No event holds a token, a secret, a subject, a body or a URL.
 */
@Injectable()
export class ForgeAuthEvents extends Observable<ForgeAuthEvent> {
  readonly #registry: ForgeAuthRegistry;

  constructor(@Inject(ForgeAuthRegistry) registry: ForgeAuthRegistry) {
    super((subscriber) => registry.observer.add({ event: (event) => subscriber.next(event) }));
    this.#registry = registry;
  }

  /**
   * Calls `listener` for each event of one type. It must not block; one that throws, or whose promise rejects, disturbs nobody.
   * @returns ends it
   */
  on<T extends ForgeAuthEvent['type']>(
    type: T,
    listener: (event: Extract<ForgeAuthEvent, { type: T }>) => void,
  ): () => void {
    return this.#registry.observer.add({
      event: (event) => (event.type === type ? listener(event as Extract<ForgeAuthEvent, { type: T }>) : undefined),
    });
  }
}
