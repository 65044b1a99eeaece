import { RedisTokenStorage, Token, TokenManager } from 'nestjs-forge-auth';
import { VirtualClock } from './virtual-clock.js';
import { VirtualRedis } from './virtual-redis.js';

/** A token lives a quarter of an hour, and is asked for again in the last two minutes. */
const TOKEN_LIFE_MS = 900_000;
/** How long the issuer takes. */
const ISSUE_MS = 50;
/** Each process makes a call so often, at a moment of its own. */
const CALL_EVERY_MS = 1_000;

/** Commands that one Redis received while something happened. */
export interface Load {
  readonly seconds: number;
  readonly commands: number;
  readonly perSecond: number;
  /** The most in one second. */
  readonly peak: number;
  /** Messages handed to subscribers. */
  readonly messages: number;
  readonly tokenRequests: number;
  readonly byCommand: Readonly<Record<string, number>>;
}

/** Answer of a process to a token that is rejected: that of the package's clients, or that of an app with a client of its own. */
type OnRejection = 'replace' | 'invalidate';

async function replace(manager: TokenManager, rejected: Token): Promise<Token | undefined> {
  return (await (await manager.ready()).for().replace(rejected))?.token;
}

async function invalidate(manager: TokenManager, rejected: Token): Promise<Token> {
  await manager.invalidate(rejected);
  return manager.getToken();
}

/** Processes of one service on one Redis, in virtual time: managers, locks, storage and announcements are the package's own. */
export class VirtualFleet {
  readonly clock = new VirtualClock();
  readonly redis = new VirtualRedis(this.clock);
  readonly #managers: TokenManager[] = [];
  readonly #stop = new AbortController();
  #revoked: string | undefined;
  #onRejection: OnRejection = 'replace';
  #tokenRequests = 0;
  #failedCalls = 0;

  /** Starts so many processes within ten seconds, as a deployment does, and lets them settle. */
  async start(processes: number): Promise<void> {
    for (let count = 0; count < processes; count += 1)
      this.clock.after(this.clock.random() * 10_000, () => this.#startProcess());
    await this.clock.advance(60_000);
  }

  get failedCalls(): number {
    return this.#failedCalls;
  }

  /** Fingerprints of the tokens in use: one, when all is well. */
  get tokensInUse(): ReadonlySet<string | undefined> {
    return new Set(this.#managers.map((manager) => manager.peek()?.fingerprint));
  }

  /** Returns the load of Redis while `ms` pass. */
  async during(ms: number): Promise<Load> {
    this.redis.reset();
    this.#tokenRequests = 0;
    await this.clock.advance(ms);
    const { total, peak } = this.redis.load();
    const byCommand = Object.fromEntries(this.redis.commands);
    const seconds = ms / 1_000;
    return {
      seconds,
      commands: total,
      perSecond: total / seconds,
      peak,
      messages: this.redis.messages,
      tokenRequests: this.#tokenRequests,
      byCommand,
    };
  }

  /** Lets time pass until half a minute before the token in use may be renewed. */
  async towardsRotation(): Promise<void> {
    const expiresAt = Math.min(
      ...this.#managers.map((manager) => manager.peek()?.expiresAt ?? Number.POSITIVE_INFINITY),
    );
    await this.clock.advance(Math.max(0, expiresAt - this.clock.now() - 150_000));
  }

  /** From now on the service rejects the token in use. */
  revoke(onRejection: OnRejection): void {
    this.#onRejection = onRejection;
    this.#revoked = this.#managers[0]?.peek()?.fingerprint;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    const closing = Promise.all(this.#managers.map((manager) => manager.close()));
    await this.clock.advance(5_000);
    await closing;
  }

  #startProcess(): void {
    const manager = new TokenManager({
      name: 'orders',
      clock: this.clock,
      storage: new RedisTokenStorage(this.redis.client()),
      provider: { identity: ['fleet'], fetchToken: () => this.#issue() },
    });
    this.#managers.push(manager);
    const call = (): void => {
      if (this.#stop.signal.aborted) return;
      this.clock.after(CALL_EVERY_MS, call);
      this.#call(manager).catch(() => (this.#failedCalls += 1));
    };
    call();
  }

  async #call(manager: TokenManager): Promise<void> {
    const token = await manager.getToken();
    if (token.fingerprint !== this.#revoked) return;
    const next = this.#onRejection === 'replace' ? await replace(manager, token) : await invalidate(manager, token);
    if (next === undefined || next.fingerprint === this.#revoked) throw new Error('No other token is in use.');
  }

  #issue(): Promise<Token> {
    this.#tokenRequests += 1;
    const token = new Token({
      accessToken: `token-${this.clock.now()}-${this.clock.random()}`,
      expiresAt: this.clock.now() + TOKEN_LIFE_MS,
    });
    return new Promise((resolve) => this.clock.after(ISSUE_MS, () => resolve(token)));
  }
}

/** Returns the load that a fleet puts on one Redis, by what happens. */
export async function loadsOf(processes: number): Promise<Record<string, Load>> {
  const fleet = new VirtualFleet();
  await fleet.start(processes);
  const steady = await fleet.during(60_000);
  await fleet.towardsRotation();
  const rotation = await fleet.during(60_000);
  fleet.revoke('replace');
  const revocation = await fleet.during(10_000);
  fleet.revoke('invalidate');
  const invalidation = await fleet.during(10_000);
  fleet.redis.restart(2_000);
  const restart = await fleet.during(30_000);
  const loads = { steady, rotation, revocation, invalidation, restart };
  if (fleet.tokensInUse.size !== 1) throw new Error(`${fleet.tokensInUse.size} tokens are in use.`);
  if (fleet.failedCalls > 0) throw new Error(`${fleet.failedCalls} calls failed.`);
  await fleet.stop();
  return loads;
}
