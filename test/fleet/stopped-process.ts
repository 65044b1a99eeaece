import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { builtPackage } from '../support/built-package.js';

/** Options of a {@link StoppedProcess}. */
export interface StoppedProcessOptions {
  readonly baseUrl: string;
  readonly tokenUrl: string;
  readonly client: object;
  readonly redisUrl?: string;
  readonly storageDeadlineMs?: number;
  /** Further options of its service. */
  readonly options?: object;
}

/** Facts that tell of an outage. */
export interface Seen {
  readonly failed: readonly string[];
  /** Warnings and errors that were logged. */
  readonly lines: readonly string[];
}

/** A real process with one client, which is stopped (SIGSTOP) and goes on (SIGCONT) when a test says so. */
export class StoppedProcess {
  readonly #child: ChildProcess;
  #lastId = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(options: StoppedProcessOptions): Promise<StoppedProcess> {
    const entry = await builtPackage();
    const settings = JSON.stringify({ options: {}, ...options, entry });
    const env = { ...process.env, NODE_OPTIONS: '', STOPPED_WORKER: settings };
    const child = fork(fileURLToPath(new URL('stopped.mjs', import.meta.url)), { env });
    await once(child, 'message');
    return new StoppedProcess(child);
  }

  ask<T>(command: string, args: object = {}): Promise<T> {
    const id = (this.#lastId += 1);
    return new Promise<T>((resolve, reject) => {
      const listen = (answer: { id?: number; value?: T; error?: string }): void => {
        if (answer.id !== id) return;
        this.#child.off('message', listen);
        if (answer.error === undefined) resolve(answer.value as T);
        else reject(new Error(answer.error));
      };
      this.#child.on('message', listen);
      this.#child.send({ ...args, id, command });
    });
  }

  stop(): void {
    this.#child.kill('SIGSTOP');
  }

  /** Goes on after a while: what was sent meanwhile waits in its sockets, and its timers are due. */
  async goOnAfter(ms: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.#child.kill('SIGCONT');
  }

  async close(): Promise<void> {
    this.#child.kill('SIGCONT');
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    await this.ask('close').catch(() => undefined);
    await ended;
  }
}
