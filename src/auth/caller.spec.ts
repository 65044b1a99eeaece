import { AsyncLocalStorage } from 'node:async_hooks';
import { inspect } from 'node:util';
import { type AmbientContext, Caller, currentCaller, joinContext, runAs } from './caller.js';

const alice = new Caller('token of alice', () => 'alice');
const bob = new Caller(undefined, () => undefined);

/** A context of the app's, as `nestjs-cls` has it. */
function contextOfApp(): AmbientContext & { readonly writes: number } {
  const storage = new AsyncLocalStorage<Map<symbol, unknown>>();
  let writes = 0;
  return {
    get writes() {
      return writes;
    },
    isActive: () => storage.getStore() !== undefined,
    get: (key) => storage.getStore()?.get(key),
    set: (key, value) => {
      writes += 1;
      storage.getStore()?.set(key, value);
    },
    run: (_options, work) => storage.run(new Map(storage.getStore()), work),
  };
}

describe('the caller', () => {
  it('the caller is the one on whose behalf work was started, and nobody outside of it', async () => {
    expect(currentCaller()).toBeUndefined();
    const seen = runAs(alice, async () => {
      await new Promise(setImmediate);
      return [currentCaller(), runAs(bob, () => currentCaller()), currentCaller()];
    });
    expect(currentCaller()).toBeUndefined();
    expect(await seen).toEqual([alice, bob, alice]);
  });

  it('the caller is found in a context that the app keeps, where ours is lost', () => {
    const context = contextOfApp();
    const leave = joinContext(context);
    let later: (() => Caller | undefined) | undefined;
    context.run({ ifNested: 'inherit' }, () =>
      runAs(alice, () => {
        later = AsyncLocalStorage.bind(() => currentCaller());
        expect(currentCaller()).toBe(alice);
      }),
    );
    expect(later?.()).toBe(alice);
    leave();
    expect(context.writes).toBe(1);
  });

  it('the caller is not looked for in a context of the app that is not active, nor written to it', () => {
    const context = contextOfApp();
    const leave = joinContext(context);
    expect(runAs(alice, () => currentCaller())).toBe(alice);
    expect(context.writes).toBe(0);
    leave();
  });

  it('the caller stands in a context for as long as one of those who joined it has not left', () => {
    const context = contextOfApp();
    const leaves = [joinContext(context), joinContext(context)];
    const writesOf = (): number => {
      const before = context.writes;
      context.run({ ifNested: 'inherit' }, () => runAs(alice, () => undefined));
      return context.writes - before;
    };
    expect(writesOf()).toBe(1);
    leaves[0]?.();
    leaves[0]?.();
    expect(writesOf()).toBe(1);
    leaves[1]?.();
    expect(writesOf()).toBe(0);
  });

  it('the caller is printed without its token', () => {
    expect([inspect(alice), JSON.stringify(alice)]).toEqual(['[Caller]', '"[Caller]"']);
    expect([alice.bearerToken, alice.subject]).toEqual(['token of alice', 'alice']);
  });
});
