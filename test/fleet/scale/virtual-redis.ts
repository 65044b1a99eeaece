import { EventEmitter } from 'node:events';
import type { VirtualClock } from './virtual-clock.js';

/** How long a command is on its way, and its answer. */
const HALF_TRIP_MS = 1;
/** Clients try to connect again after as long as this, at most, each at a moment of its own. */
const RECONNECT_MS = 2_000;

interface Entry {
  value: string;
  expiresAt: number;
}

/** A Redis in memory that counts what it is asked: the commands that this package sends, its scripts included. */
export class VirtualRedis {
  readonly clock: VirtualClock;
  /** Commands since `reset()`, by name; and the most in one second. */
  readonly commands = new Map<string, number>();
  readonly #entries = new Map<string, Entry>();
  readonly #subscribers = new Map<string, Set<VirtualClient>>();
  readonly #clients = new Set<VirtualClient>();
  readonly #seconds = new Map<number, number>();
  /** Messages handed to subscribers since `reset()`. */
  messages = 0;
  up = true;

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }

  /** A client, in the shape of ioredis. */
  client(): VirtualClient {
    const client = new VirtualClient(this);
    this.#clients.add(client);
    return client;
  }

  reset(): void {
    this.commands.clear();
    this.messages = 0;
    this.#seconds.clear();
  }

  /** Commands since `reset()`, and the most of them in one second. */
  load(): { total: number; peak: number } {
    const counts = [...this.#seconds.values()];
    return { total: counts.reduce((sum, count) => sum + count, 0), peak: Math.max(0, ...counts) };
  }

  /** Goes away for so long, and comes back with nothing in memory. */
  restart(downMs: number): void {
    this.up = false;
    this.#entries.clear();
    this.#subscribers.clear();
    for (const client of this.#clients) client.lost();
    this.clock.after(downMs, () => {
      this.up = true;
      for (const client of this.#clients)
        this.clock.after(this.clock.random() * RECONNECT_MS, () => client.reconnected());
    });
  }

  forget(client: VirtualClient): void {
    this.#clients.delete(client);
    for (const subscribers of this.#subscribers.values()) subscribers.delete(client);
  }

  execute(client: VirtualClient, name: string, args: readonly string[]): unknown {
    const what = name === 'EVAL' ? scriptOf(args[0] ?? '') : name;
    this.commands.set(what, (this.commands.get(what) ?? 0) + 1);
    const second = Math.floor(this.clock.now() / 1_000);
    this.#seconds.set(second, (this.#seconds.get(second) ?? 0) + 1);
    if (name === 'EVAL') return this.#script(what, args.slice(2));
    const [key = '', value = '', ...more] = args;
    switch (name) {
      case 'GETRANGE':
        return this.#read(key) ?? '';
      case 'SET':
        this.#write(key, value, more[0] === 'PX' ? Number(more[1]) : Number.POSITIVE_INFINITY);
        return 'OK';
      case 'DEL':
        return this.#entries.delete(key) ? 1 : 0;
      case 'PUBLISH':
        for (const subscriber of this.#subscribers.get(key) ?? []) {
          this.messages += 1;
          this.clock.after(HALF_TRIP_MS, () => subscriber.emit('message', key, value));
        }
        return 1;
      case 'SUBSCRIBE': {
        const subscribers = this.#subscribers.get(key) ?? new Set();
        this.#subscribers.set(key, subscribers.add(client));
        return 1;
      }
      default:
        throw new Error(`This Redis knows no ${name}.`);
    }
  }

  /** Does what the scripts of `src/redis` do. */
  #script(what: string, [first = '', second = '', ...rest]: readonly string[]): unknown {
    const isOwner = (owner: string): boolean => this.#read(first) === owner;
    switch (what) {
      case 'acquire': {
        const [owner = '', ttl, generationTtl] = rest;
        if (this.#read(first) !== undefined) return null;
        this.#write(first, owner, Number(ttl));
        const generation = Math.max(Number(this.#read(second) ?? 0) + 1, this.clock.now());
        this.#write(second, String(generation), Number(generationTtl));
        return String(generation);
      }
      case 'extend':
        if (!isOwner(second)) return 0;
        this.#write(first, second, Number(rest[0]));
        return 1;
      case 'release':
        return isOwner(second) && this.#entries.delete(first) ? 1 : 0;
      default: {
        const [value = '', generation = '', ttl, generationTtl] = rest;
        if (Number(this.#read(second) ?? 0) > Number(generation)) return 0;
        this.#write(first, value, Number(ttl));
        this.#write(second, generation, Number(generationTtl));
        return 1;
      }
    }
  }

  #read(key: string): string | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.expiresAt <= this.clock.now()) return undefined;
    return entry.value;
  }

  #write(key: string, value: string, ttlMs: number): void {
    this.#entries.set(key, { value, expiresAt: this.clock.now() + ttlMs });
  }
}

/** Which of our scripts it is. */
function scriptOf(text: string): string {
  if (text.includes("'NX'")) return 'acquire';
  if (text.includes('PEXPIRE')) return 'extend';
  return text.includes("'DEL'") ? 'release' : 'set if newer';
}

/** A client in the shape of ioredis: what is asked while Redis is away waits for it. */
export class VirtualClient extends EventEmitter {
  status = 'ready';
  readonly #redis: VirtualRedis;
  #waiting: (() => void)[] = [];

  constructor(redis: VirtualRedis) {
    super();
    this.#redis = redis;
  }

  call(name: string, ...args: string[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const { clock } = this.#redis;
      const send = (): void => {
        clock.after(HALF_TRIP_MS, () => {
          if (this.status !== 'ready') return reject(new Error('Connection is closed.'));
          const answer = this.#redis.execute(this, name, args);
          clock.after(HALF_TRIP_MS, () => resolve(answer));
        });
      };
      if (this.status === 'ready') send();
      else this.#waiting.push(send);
    });
  }

  duplicate(): VirtualClient {
    const own = this.#redis.client();
    if (!this.#redis.up) own.status = 'reconnecting';
    return own;
  }

  subscribe(channel: string): Promise<unknown> {
    return this.call('SUBSCRIBE', channel);
  }

  disconnect(): void {
    this.status = 'end';
    this.#redis.forget(this);
  }

  lost(): void {
    this.status = 'reconnecting';
    this.emit('close');
  }

  reconnected(): void {
    if (this.status === 'end') return;
    this.status = 'ready';
    this.emit('ready');
    for (const send of this.#waiting.splice(0)) send();
  }
}
