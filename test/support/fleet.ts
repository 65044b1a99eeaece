import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { builtPackage } from './built-package.js';

/** Options of the processes of a fleet. */
export interface FleetOptions {
  redisUrl: string;
  apiUrl: string;
  /** Name and options of a token provider of the package. */
  provider: { kind: string; options: Record<string, unknown> };
  /** Further token options of the service. */
  auth?: Record<string, unknown>;
  /** Further options of the module. */
  root?: Record<string, unknown>;
}

/** How calls of one process ended. */
export interface Tally {
  succeeded: number;
  failed: number;
  errors: string[];
  slowestMs: number;
}

/** A real process that runs a Nest app. */
export class FleetProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #lastId = 0;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (message: { id?: number; value?: unknown; error?: string }) => {
      const waiting = this.#waiting.get(message.id ?? 0);
      this.#waiting.delete(message.id ?? 0);
      if (message.error === undefined) waiting?.resolve(message.value);
      else waiting?.reject(new Error(message.error));
    });
    child.on('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('The process has ended.'));
    });
  }

  calls(count: number): Promise<Tally> {
    return this.#ask('calls', { count });
  }

  /** Calls for `ms` milliseconds, `concurrency` at a time. */
  load(ms: number, concurrency = 2, pauseMs = 20): Promise<Tally> {
    return this.#ask('load', { ms, concurrency, pauseMs });
  }

  token(): Promise<{ fingerprint: string; expiresAt?: number } | undefined> {
    return this.#ask('token');
  }

  /** Returns the expiry of each token that it got, by fingerprint: its life is counted from when it was asked for. */
  expiries(): Promise<Record<string, number>> {
    return this.#ask('expiries');
  }

  refresh(): Promise<string> {
    return this.#ask('refresh');
  }

  invalidate(): Promise<void> {
    return this.#ask('invalidate');
  }

  /** Returns the lines that the app has logged. */
  lines(): Promise<string[]> {
    return this.#ask('lines');
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Closes the app; answers the exit code of the process, which ends by itself. */
  async close(): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode;
    const ended = new Promise<number | null>((resolve) => this.#child.once('exit', resolve));
    await this.#ask('close').catch(() => undefined);
    return ended;
  }

  #ask<T>(command: string, args: Record<string, unknown> = {}): Promise<T> {
    const id = (this.#lastId += 1);
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#child.send({ ...args, id, command });
    });
  }
}

/** Starts processes, each a Nest app of its own, all alike. */
export async function startFleet(count: number, options: FleetOptions): Promise<FleetProcess[]> {
  const entry = await builtPackage();
  const worker = fileURLToPath(new URL('../fleet/worker.mjs', import.meta.url));
  const env = { ...process.env, NODE_OPTIONS: '', FLEET_WORKER: JSON.stringify({ ...options, entry }) };
  return Promise.all(
    Array.from({ length: count }, async () => {
      const child = fork(worker, { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
      await new Promise<void>((resolve, reject) => {
        child.once('message', () => resolve());
        child.once('exit', (code) => reject(new Error(`A process of the fleet did not start (exit code ${code}).`)));
      });
      return new FleetProcess(child);
    }),
  );
}
