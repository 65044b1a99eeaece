import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Place } from './places/place.js';
import { type Fared, Visitors } from '../stories/visitors.js';
import type { LogLine } from './worker/parent.logger.js';

/** A process that does not end within this time is killed. */
const END_MS = 10_000;
/** Lines of the storage that stories count instead of printing them. */
const COUNTED = /^Token storage is /;

/** One process of a fleet. */
export class Member {
  readonly visitors: Visitors;
  readonly lines: readonly LogLine[];
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, origin: string, lines: readonly LogLine[]) {
    this.#child = child;
    this.visitors = new Visitors(origin);
    this.lines = lines;
  }

  /** @throws {Error} when the app does not start */
  static async start(name: string, environment: Readonly<Record<string, string>>, place: Place): Promise<Member> {
    const child = fork(new URL('worker/main.js', import.meta.url), [], {
      env: { ...process.env, ...environment, ...place.environment },
    });
    place.serve?.(child);
    const lines: LogLine[] = [];
    const origin = await new Promise<string>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`${name} did not start (exit code ${code}).`)));
      child.on('message', (message: { origin?: string; logged?: LogLine }) => {
        if (message.origin !== undefined) resolve(message.origin);
        if (message.logged === undefined) return;
        lines.push(message.logged);
        if (message.logged.level !== 'log' && !COUNTED.test(message.logged.line))
          console.log(`   ${name} says: ${message.logged.line}`);
      });
    });
    return new Member(child, origin, lines);
  }

  /** Number of lines that it has logged that start so. */
  logged(start: string): number {
    return this.lines.filter(({ line }) => line.startsWith(start)).length;
  }

  /** Without a chance to log or return anything. */
  async kill(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  /** Returns whether it ended as a process should: by itself, without an error. */
  async end(): Promise<boolean> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return false;
    const ended = once(this.#child, 'exit');
    const impatience = setTimeout(() => this.#child.kill('SIGKILL'), END_MS);
    if (this.#child.connected) this.#child.send('end', () => undefined);
    const [code] = (await ended) as [number | null];
    clearTimeout(impatience);
    return code === 0;
  }
}

/** Processes that are all alike, each a Nest app that people call. */
export class Fleet {
  readonly #environment: Readonly<Record<string, string>>;
  readonly #place: Place;
  readonly #members: Member[] = [];
  #started = 0;

  constructor(environment: Readonly<Record<string, string>>, place: Place) {
    this.#environment = environment;
    this.#place = place;
  }

  get members(): readonly Member[] {
    return this.#members;
  }

  /** Starts so many processes more. */
  async grow(count: number): Promise<Member[]> {
    const starting = Array.from({ length: count }, () => {
      this.#started += 1;
      return Member.start(`Process ${this.#started}`, this.#environment, this.#place);
    });
    const started = await Promise.all(starting);
    this.#members.push(...started);
    return started;
  }

  /** Ends one process at once, whatever it is at. */
  async kill(member: Member): Promise<void> {
    this.#members.splice(this.#members.indexOf(member), 1);
    await member.kill();
  }

  /** So many calls in each process at the same moment. */
  allAtOnce(calls: number, path: string): Promise<Fared> {
    return this.#sum((visitors) => visitors.allAtOnce(calls, path));
  }

  /** A few in each process who keep calling for a while. */
  keepCalling(callers: number, durationMs: number, path: string): Promise<Fared> {
    return this.#sum((visitors) => visitors.keepCalling(callers, durationMs, path));
  }

  /** Ends all. Returns how many ended as a process should. */
  async end(): Promise<number> {
    const ended = await Promise.all(this.#members.splice(0).map((member) => member.end()));
    return ended.filter(Boolean).length;
  }

  async #sum(visit: (visitors: Visitors) => Promise<Fared>): Promise<Fared> {
    const fared = await Promise.all(this.#members.map(({ visitors }) => visit(visitors)));
    const sum = (of: keyof Fared): number => fared.reduce((total, each) => total + each[of], 0);
    return { served: sum('served'), failed: sum('failed') };
  }
}
