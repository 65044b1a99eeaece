import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { StartedSignIn, UserCode } from 'nestjs-forge-auth';
import { builtPackage } from '../support/built-package.js';
import { times } from '../support/async.js';

const SCRIPT = fileURLToPath(new URL('user-worker.mjs', import.meta.url));

/** Options of the processes of a fleet. */
export interface UserFleetOptions {
  redisUrl: string;
  apiUrl: string;
  /** Options of the provider, and the name of its class: an authorization code's unless it says otherwise. */
  provider: { kind?: string; [option: string]: unknown };
}

/** A real process that runs a Nest app which people sign in to. */
export class UserProcess {
  readonly #child: ChildProcess;
  readonly #answers = new Map<number, (answer: { value?: unknown; error?: string }) => void>();
  /** Codes shown to a person who signs in on another device. */
  readonly codes: UserCode[] = [];
  #lastId = 0;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (message: { id: number; value?: unknown; error?: string; code?: UserCode }) => {
      if (message.code !== undefined) this.codes.push(message.code);
      this.#answers.get(message.id)?.(message);
      this.#answers.delete(message.id);
    });
  }

  /** Starts processes, and waits until their apps run. */
  static async start(count: number, options: UserFleetOptions): Promise<UserProcess[]> {
    const USER_WORKER = JSON.stringify({ entry: await builtPackage(), ...options });
    const children = times(count, () => fork(SCRIPT, { env: { ...process.env, NODE_OPTIONS: '', USER_WORKER } }));
    await Promise.all(children.map((child) => once(child, 'message')));
    return children.map((child) => new UserProcess(child));
  }

  /** Stores tokens of users, as they came from the issuer. */
  take(tokens: Record<string, unknown>): Promise<void> {
    return this.#ask('take', { tokens });
  }

  /** Calls once for each user, and returns what failed. */
  round(subjects: readonly string[]): Promise<string[]> {
    return this.#ask('round', { subjects });
  }

  startSignIn(subject: string, loginHint: string): Promise<StartedSignIn> {
    return this.#ask('start', { subject, loginHint });
  }

  finishSignIn(callback: string): Promise<{ subject: string; claims?: Record<string, unknown> }> {
    return this.#ask('finish', { callback });
  }

  /** Calls for a user, and returns the status. */
  call(subject: string): Promise<number> {
    return this.#ask('call', { subject });
  }

  /** Calls for a user several times at once. */
  calls(subject: string, count: number): Promise<number[]> {
    return this.#ask('calls', { subject, count });
  }

  /** Has the user's token renewed. */
  refresh(subject: string): Promise<void> {
    return this.#ask('refresh', { subject });
  }

  /** Drops every access token that the process knows, in the fleet, too. */
  invalidate(): Promise<void> {
    return this.#ask('invalidate', {});
  }

  has(subject: string): Promise<boolean> {
    return this.#ask('has', { subject });
  }

  logout(notice: { token: string } | { url: string }): Promise<{ subjects: string[] }> {
    return this.#ask('logout', notice);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async #ask<T>(command: string, options: object): Promise<T> {
    const id = (this.#lastId += 1);
    const answered = new Promise<{ value?: unknown; error?: string }>((resolve) => this.#answers.set(id, resolve));
    this.#child.send({ id, command, ...options });
    const { value, error } = await answered;
    if (error !== undefined) throw new Error(error);
    return value as T;
  }
}
