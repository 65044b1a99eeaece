import { render, renderError } from './render.js';

describe('renderError', () => {
  it('shows message, stack, and own properties, hidden ones and symbols too', () => {
    const error = Object.assign(new Error('message-canary'), { code: 'code-canary' });
    Object.defineProperty(error, 'hidden', { value: { in: { it: 'hidden-canary' } }, enumerable: false });
    Object.defineProperty(error, Symbol('mark'), { value: 'symbol-canary', enumerable: false });
    error.stack = 'stack-canary';
    const text = renderError(error);
    for (const canary of ['message', 'stack', 'code', 'hidden', 'symbol']) expect(text).toContain(`${canary}-canary`);
  });

  it('follows causes and the errors of an AggregateError, in circles too', () => {
    const root = Object.defineProperty(new Error('root'), 'deep', { value: 'root-canary' });
    const middle = new AggregateError([Object.defineProperty(new Error('x'), 'y', { value: 'part-canary' })], 'm');
    middle.cause = root;
    root.cause = middle;
    const text = renderError(new TypeError('top', { cause: middle }));
    expect(text).toContain('root-canary');
    expect(text).toContain('part-canary');
  });

  it('shows what toJSON returns, and what bytes mean', () => {
    const error = Object.assign(new Error('x'), { toJSON: () => ({ json: 'json-canary' }) });
    expect(renderError(error)).toContain('json-canary');
    const long = `${'x'.repeat(100)}bytes-canary`;
    expect(renderError(Object.assign(new Error('x'), { response: { body: Buffer.from(long) } }))).toContain(
      'bytes-canary',
    );
  });

  it('survives what cannot be read', () => {
    const error = Object.defineProperty(new Error('x'), 'bad', {
      enumerable: false,
      get() {
        throw new Error('getter');
      },
    });
    expect(renderError(error)).toContain('unreadable');
    expect(renderError('just text')).toContain('just text');
    expect(renderError(undefined)).toContain('undefined');
  });
});

describe('render', () => {
  it('gives ten levels, and circles', () => {
    const circle: Record<string, unknown> = { a: { b: { c: { d: { e: { f: 'deep-canary' } } } } }, big: 1n };
    circle['self'] = circle;
    expect(render(circle)).toMatch(/deep-canary[^]*"big":"1"[^]*\[Circular\]/);
    expect(render('text')).toBe('text');
  });
});
