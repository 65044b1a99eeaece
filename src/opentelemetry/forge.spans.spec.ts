import { context, createContextKey, ROOT_CONTEXT, type Span, type TracerProvider } from '@opentelemetry/api';
import { ContextUnderWay, type UnderWay } from './context-under-way.js';
import { ForgeSpans } from './forge.spans.js';

/** A tracer whose spans are recorded, and end as `end` does. */
function tracing(end: () => void): TracerProvider {
  const span = { isRecording: () => true, end };
  return { getTracer: () => ({ startSpan: () => span }) } as unknown as TracerProvider;
}

const broken = (): never => {
  throw new Error('at once');
};

const CALL = { kind: 'call', service: 'orders', method: 'GET', origin: 'https://orders.example' } as const;

describe('the span of a call', () => {
  it('ends once, when the call has, before its caller hears of it', async () => {
    let ended = 0;
    const spans = new ForgeSpans(tracing(() => (ended += 1)));
    let finish: ((value: string) => void) | undefined;
    const call = spans.around(CALL, () => new Promise<string>((resolve) => (finish = resolve)));
    await Promise.resolve();
    expect(ended).toBe(0);
    finish?.('answered');
    expect([await call, ended]).toEqual(['answered', 1]);
    await expect(spans.around(CALL, () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    expect(ended).toBe(2);
  });

  it('ends where the work throws at once', async () => {
    let ended = 0;
    const spans = new ForgeSpans(tracing(() => (ended += 1)));
    await expect(spans.around(CALL, broken)).rejects.toThrow('at once');
    expect(ended).toBe(1);
  });

  it('fails no call where it cannot be ended', async () => {
    const spans = new ForgeSpans(tracing(broken));
    expect(await spans.around(CALL, async () => 'answered')).toBe('answered');
  });
});

describe('a context with what is under way', () => {
  const [key, other] = [createContextKey('under way'), createContextKey('other')];
  const underWay: UnderWay = { kind: 'call', span: {} as Span };

  it('a context with what is under way has it beside all that is below, whatever is set or deleted on it', () => {
    const own = new ContextUnderWay(ROOT_CONTEXT.setValue(other, 'below'), key, underWay);
    expect([own.getValue(key), own.getValue(other)]).toEqual([underWay, 'below']);
    const changed = own.setValue(other, 'above');
    expect([changed.getValue(key), changed.getValue(other), own.getValue(other)]).toEqual([underWay, 'above', 'below']);
    const deleted = changed.deleteValue(other);
    expect([deleted.getValue(key), deleted.getValue(other)]).toEqual([underWay, undefined]);
    expect(context.active().getValue(key)).toBeUndefined();
  });

  it('a context with what is under way keeps nothing of calls that began each other without end', () => {
    const keys = [key, createContextKey('under way of another telemetry')];
    let own = ROOT_CONTEXT.setValue(other, 'below');
    for (let calls = 0; calls < 50_000; calls += 1)
      for (const of of keys) own = new ContextUnderWay(own.setValue(other, calls), of, underWay);
    const latest: UnderWay = { kind: 'token_request', span: {} as Span };
    own = new ContextUnderWay(own, key, latest);
    expect(keys.map((of) => own.getValue(of))).toEqual([latest, underWay]);
    expect([own.getValue(other), own.getValue(createContextKey('none'))]).toEqual([49_999, undefined]);
  });
});
