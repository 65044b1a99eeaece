import { isPromise } from 'node:util/types';
import { ConfigurationError } from '../errors.js';
import { concealedCause } from '../redaction/own-cause.js';
import { isErrorCode } from '../redaction/redact.js';
import { atOnce } from './at-once.js';
import { ownOptions } from './own-options.js';

// oxlint-disable-next-line typescript/no-explicit-any -- functions of Node's options: each has another type
type Callback = (this: unknown, ...given: any[]) => unknown;

/** Guards a function. `what` names it in messages: `axios.lookup()`. */
type Guard = (guarded: Callback, what: string) => Callback;

/**
 * Functions that Node or undici calls, who know no promises: an async one that rejects would end the process, as one
 * would that throws where it is called in an event.
 */
const GUARDS: ReadonlyMap<string, Guard> = new Map([
  ['connect', byCallback],
  ['createConnection', byCallback],
  ['lookup', byCallback],
  ['addRequest', byRequest],
  ['checkServerIdentity', byError],
  ['ALPNCallback', byThrowing],
  ['pskCallback', byThrowing],
  ['factory', byThrowing],
  ['clientFactory', byThrowing],
  ['request', byThrowing],
]);

/** Returns options with the functions in them guarded; those that are not known to be called by Node or undici as they are. */
export function guardedOptions<T extends object>(options: T, prefix: string): T {
  const guarded: Record<string, Callback> = {};
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    const guard = GUARDS.get(name);
    if (guard !== undefined && typeof value === 'function')
      guarded[name] = guard(value as Callback, `${prefix}${name}()`);
  }
  return Object.keys(guarded).length === 0 ? options : Object.assign(ownOptions(options), guarded);
}

const guardedAgents = new WeakSet<object>();

/** Guards the functions of an agent of the app's, in their places: only the agent itself knows its connections. */
export function guardAgent(agent: unknown, what: string): void {
  if (typeof agent !== 'object' || agent === null || guardedAgents.has(agent)) return;
  guardedAgents.add(agent);
  const { options } = agent as { options?: unknown };
  if (typeof options === 'object' && options !== null) guardIn(options, Object.keys(options), `${what}: `);
  guardIn(agent, OF_AGENTS, `${what}: `);
}

/** Functions that an agent may have of its own, in place of Node's. */
const OF_AGENTS = ['createConnection', 'addRequest'];

function guardIn(owner: object, names: readonly string[], prefix: string): void {
  const functions = owner as Record<string, unknown>;
  const given = Object.fromEntries(names.map((name) => [name, functions[name]]));
  const guarded = guardedOptions(given, prefix);
  for (const name of names) if (guarded[name] !== given[name]) Reflect.set(owner, name, guarded[name]);
}

/** A callback, the last argument, is given what the function throws, or its promise comes to, where it was not called. */
function byCallback(guarded: Callback, what: string): Callback {
  return function (...given) {
    const callback = given.at(-1) as Callback;
    let called = false;
    const once: Callback = (...answer) => {
      if (called) return;
      called = true;
      callback(...answer);
    };
    try {
      const answered = guarded.apply(this, [...given.slice(0, -1), once]);
      if (!isPromise(answered)) return answered;
      answered.then(
        (value) => value === undefined || once(null, value),
        (thrown: unknown) => once(failureOf(thrown, what)),
      );
    } catch (thrown) {
      once(failureOf(thrown, what));
    }
    return undefined;
  };
}

/** The request, the first argument, is ended by what the function's promise rejects with. */
function byRequest(guarded: Callback, what: string): Callback {
  return function (...given) {
    const answered = guarded.apply(this, given);
    if (!isPromise(answered)) return answered;
    // As Node's own agents do: destroyed, a request without a socket would go on waiting for one.
    const [request] = given as [{ onSocket(socket: null, error: Error): void }];
    answered.catch((thrown: unknown) => request.onSocket(null, failureOf(thrown, what)));
    return undefined;
  };
}

/** An error is an answer, too. */
function byError(guarded: Callback, what: string): Callback {
  return function (...given) {
    try {
      return atOnce(guarded.apply(this, given), what);
    } catch (thrown) {
      return failureOf(thrown, what);
    }
  };
}

function byThrowing(guarded: Callback, what: string): Callback {
  return function (...given) {
    return atOnce(guarded.apply(this, given), what);
  };
}

/** An error with a code speaks for itself (`ENOTFOUND`, a name that a certificate has not). */
export function failureOf(thrown: unknown, what: string): Error {
  if (thrown instanceof ConfigurationError) return thrown;
  if (thrown instanceof Error && isErrorCode((thrown as { code?: unknown }).code)) return thrown;
  const cause = concealedCause(thrown);
  return new ConfigurationError(`${what} threw ${cause.summary}.`, { cause });
}
