import { getEventListeners } from 'node:events';
import { CallScope } from './call-scope.js';

describe('CallScope', () => {
  it('calls its listeners once, with the first reason', () => {
    const scope = new CallScope();
    const reported: unknown[] = [];
    scope.onAbort((reason) => reported.push(reason));
    scope.abort('first');
    scope.abort('second');
    expect(reported).toEqual(['first']);
    expect(scope).toMatchObject({ aborted: true, reason: 'first' });
  });

  it('calls a listener that comes late at once', () => {
    const scope = new CallScope();
    scope.abort('over');
    const reported: unknown[] = [];
    scope.onAbort((reason) => reported.push(reason));
    expect(reported).toEqual(['over']);
  });

  it('CallScope does not call a listener that was removed', () => {
    const scope = new CallScope();
    const reported: unknown[] = [];
    scope.onAbort((reason) => reported.push(reason))();
    scope.abort('over');
    expect(reported).toEqual([]);
  });

  it('calls every listener, and none that another has removed, whichever came first', () => {
    const scope = new CallScope();
    const reported: string[] = [];
    const takeBack = ['first', 'second', 'third'].map((name) => scope.onAbort(() => reported.push(name)));
    takeBack[0]?.();
    scope.onAbort(() => reported.push('fourth'));
    takeBack[2]?.();
    takeBack[2]?.();
    scope.abort('over');
    expect(reported.toSorted()).toEqual(['fourth', 'second']);
  });

  it('calls each listener once, even one that aborts again or adds another', () => {
    const scope = new CallScope();
    const reported: unknown[] = [];
    scope.onAbort(() => {
      scope.abort('again');
      scope.onAbort((reason) => reported.push(reason));
      reported.push('first');
    });
    scope.onAbort(() => reported.push('second'));
    scope.abort('over');
    expect(reported).toEqual(['over', 'first', 'second']);
  });

  it('CallScope is a signal for those who need one, made before or after the abort', () => {
    const [before, after] = [new CallScope(), new CallScope()];
    const { signal } = before;
    expect(signal.aborted).toBe(false);
    before.abort('over');
    after.abort('over');
    expect(signal.reason).toBe('over');
    expect(after.signal.reason).toBe('over');
    expect(after.signal).toBe(after.signal);
  });

  it('follows a signal until it lets go', () => {
    const controller = new AbortController();
    const [following, gone] = [new CallScope(), new CallScope()];
    following.follow(controller.signal);
    gone.follow(controller.signal)();
    controller.abort('caller left');
    expect(following.reason).toBe('caller left');
    expect(gone.aborted).toBe(false);
  });

  it('follows a signal that was aborted before', () => {
    const scope = new CallScope();
    scope.follow(AbortSignal.abort('before'));
    expect(scope.reason).toBe('before');
  });

  it('leaves nothing on a signal that it has let go of', () => {
    const { signal } = new AbortController();
    const scope = new CallScope();
    const release = scope.follow(signal);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    release();
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});
