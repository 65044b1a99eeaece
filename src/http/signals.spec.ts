import { getEventListeners } from 'node:events';
import { linkSignals } from './signals.js';

describe('linkSignals', () => {
  it('aborts with the first parent that does, and its reason', () => {
    const [one, two] = [new AbortController(), new AbortController()];
    const link = linkSignals(one.signal, undefined, two.signal);
    two.abort('second');
    one.abort('first');
    expect(link.signal.reason).toBe('second');
  });

  it('linkSignals is aborted at once where a parent was', () => {
    expect(linkSignals(new AbortController().signal, AbortSignal.abort('before')).signal.reason).toBe('before');
  });

  it('aborts by itself, without aborting its parents', () => {
    const parent = new AbortController();
    const link = linkSignals(parent.signal);
    link.abort('own');
    expect(link.signal.reason).toBe('own');
    expect(parent.signal.aborted).toBe(false);
  });

  it('lets go of its parents when released', () => {
    const parent = new AbortController();
    const link = linkSignals(parent.signal);
    expect(getEventListeners(parent.signal, 'abort')).toHaveLength(1);
    link.release();
    expect(getEventListeners(parent.signal, 'abort')).toHaveLength(0);
    parent.abort();
    expect(link.signal.aborted).toBe(false);
  });

  it('guards a thousand calls by one signal without a warning', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    const parent = new AbortController();
    const links = Array.from({ length: 1_000 }, () => linkSignals(parent.signal));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', onWarning);
    for (const link of links) link.release();
    expect(warnings).toEqual([]);
  });
});
