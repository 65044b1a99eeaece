import { randomUUID } from 'node:crypto';
import { type Clock, systemClock, withDeadline } from '../clock.js';
import { TimeoutError } from '../errors.js';
import { READ_TEXT, runScript } from './redis-script.js';
import { GENERATION_TTL_MS, READ_LAST_GENERATION, type RedisTarget, siblingKey } from './redis-target.js';
import type { AcquireOptions, Lease, TokenLock } from '../lock/token-lock.js';

/** Far above a healthy round trip, far below what a caller notices. */
const DEADLINE_MS = 250;
/** Longest lease, where whoever asks for one does not say. */
const LONGEST_LEASE_MS = 60_000;

/**
 * Takes the lease and mints its generation: one more than the last, and never less than Redis' own time, so that it
 * grows even when everything was flushed. What stands there without an end, for longer than any lease, or is not the name
 * of an owner, is no lease: it is replaced.
 */
const ACQUIRE = `
local kind = redis.call('TYPE', KEYS[1]).ok
local left = redis.call('PTTL', KEYS[1])
local function isLease()
  if kind ~= 'string' or left < 0 or left > tonumber(ARGV[4]) then return false end
  local owner = redis.call('GET', KEYS[1])
  return #owner == 36 and string.match(owner, '^%x+%-%x+%-%x+%-%x+%-%x+$')
end
if kind ~= 'none' and not isLease() then redis.call('DEL', KEYS[1]) end
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return false end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
${READ_LAST_GENERATION}
local generation = string.format('%.0f', math.max(last + 1, now))
redis.call('SET', KEYS[2], generation, 'PX', ARGV[3])
return generation`;

const EXTEND = `${READ_TEXT}
if read(KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

const RELEASE = `${READ_TEXT}
if read(KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`;

/** Leases in one Redis: owner token, `SET NX PX`, compare-and-extend, compare-and-delete. */
export class LeaseRedisLock implements TokenLock {
  readonly #target: RedisTarget;
  readonly #deadlineMs: number;
  readonly #clock: Clock;
  /** Work under way: requests, leases that are held, and their return. */
  readonly #open = new Set<Promise<unknown>>();

  constructor(target: RedisTarget, deadlineMs = DEADLINE_MS, clock: Clock = systemClock) {
    this.#target = target;
    this.#deadlineMs = deadlineMs;
    this.#clock = clock;
  }

  acquire(key: string, options: AcquireOptions): Promise<Lease | null> {
    return this.#track(this.#acquire(key, options));
  }

  /** Waits, for a moment, until every lease is given back: whoever ends now should keep nobody waiting. */
  async close(): Promise<void> {
    const free = async (): Promise<void> => {
      while (this.#open.size > 0) await Promise.allSettled(this.#open);
    };
    await this.#within(free).catch(() => undefined);
  }

  async #acquire(key: string, { ttlMs, signal, longestMs = LONGEST_LEASE_MS }: AcquireOptions): Promise<Lease | null> {
    const full = this.#target.fullKey(key);
    const names = { lock: siblingKey(full, 'lock'), generation: siblingKey(full, 'generation') };
    const owner = randomUUID();
    const ttl = String(Math.ceil(ttlMs));
    const longest = String(Math.max(Math.ceil(longestMs), Math.ceil(ttlMs)));
    const attempt = { over: false };
    try {
      const granted = await this.#within(async () => {
        const connection = await this.#target.connection();
        // The connection may have come too late: then nothing is sent.
        if (attempt.over) return null;
        const keys = [names.lock, names.generation] as const;
        return runScript(
          connection,
          ACQUIRE,
          keys,
          [owner, ttl, String(GENERATION_TTL_MS), longest],
          () => !attempt.over,
        );
      });
      if (granted === null) return null;
      const lease = this.#leaseOf(names.lock, owner, ttl, Number(granted));
      if (!signal.aborted) return lease;
      await lease.release().catch(() => undefined);
      throw signal.reason;
    } catch (error) {
      attempt.over = true;
      // A deadline cancels no command, nor does a connection that is lost: what may have been granted is undone behind it.
      this.#undo(names.lock, owner);
      throw error;
    }
  }

  #leaseOf(lock: string, owner: string, ttl: string, generation: number): Lease {
    const run = async (script: string, ...args: string[]): Promise<boolean> => {
      const answer = await this.#within(async () =>
        runScript(await this.#target.connection(), script, [lock], [owner, ...args]),
      );
      return Number(answer) === 1;
    };
    let returned!: () => void;
    void this.#track(new Promise<void>((resolve) => (returned = resolve)));
    return {
      generation,
      extend: () => run(EXTEND, ttl),
      release: async () => {
        await run(RELEASE).finally(returned);
      },
    };
  }

  #track<T>(work: Promise<T>): Promise<T> {
    this.#open.add(work);
    const over = (): void => void this.#open.delete(work);
    work.then(over, over);
    return work;
  }

  #undo(lock: string, owner: string): void {
    const undoing = this.#target.connection().then((connection) => runScript(connection, RELEASE, [lock], [owner]));
    void this.#track(undoing); // One that fails is no matter: the lease runs out by itself.
  }

  #within<T>(work: () => Promise<T>): Promise<T> {
    return withDeadline(
      this.#clock,
      work(),
      this.#deadlineMs,
      () => new TimeoutError(`The lock store did not answer within ${this.#deadlineMs} ms.`),
    );
  }
}
