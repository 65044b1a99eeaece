import type { ChildProcess } from 'node:child_process';
import type { Place } from './place.js';
import { type ParentMessage, SharedStore, type StoreRequest } from './shared-store.js';

type Ask = (...args: unknown[]) => unknown;

/** This process keeps the tokens: for children of its own, and for as long as it lives. */
export class ParentPlace implements Place {
  readonly description =
    'There is no Redis: this process keeps the tokens, and can do what Redis does, but for its own children only.';
  readonly environment = {};
  readonly #children = new Set<ChildProcess>();
  #store = this.#emptyStore();
  #up = true;

  readonly outage = {
    begin: async (): Promise<void> => this.#change(false),
    end: async (): Promise<void> => this.#change(true),
  };

  serve(child: ChildProcess): void {
    this.#children.add(child);
    child.once('disconnect', () => this.#children.delete(child));
    child.on('message', ({ ask }: { ask?: StoreRequest }) => {
      if (ask === undefined || !this.#up) return;
      const value = (this.#store[ask.method] as Ask).apply(this.#store, [...ask.args]);
      tell(child, { answer: { id: ask.id, value } });
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #emptyStore(): SharedStore {
    return new SharedStore((heard) => this.#tellAll({ heard }));
  }

  #change(up: boolean): void {
    this.#up = up;
    this.#store = this.#emptyStore();
    this.#tellAll({ up });
  }

  #tellAll(message: ParentMessage): void {
    for (const child of this.#children) tell(child, message);
  }
}

function tell(child: ChildProcess, message: ParentMessage): void {
  // A child that was killed a moment ago hears nothing any more.
  if (child.connected) child.send(message, () => undefined);
}
