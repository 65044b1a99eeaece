import * as fc from 'fast-check';
import { AuthenticationError, CircuitOpenError, ConnectionError, TimeoutError, TlsError } from '../errors.js';
import { FailureCountCircuit } from './failure-count.circuit.js';
import type { CircuitState, RetryOutcome } from './request-retry.strategy.js';

const success: RetryOutcome = { attempt: 1, status: 200 };
const failure: RetryOutcome = { attempt: 1, error: new ConnectionError('refused') };

class World {
  now = 1_000_000;
  readonly circuit: FailureCountCircuit;

  constructor(options: { failureThreshold?: number; recoveryTimeoutMs?: number; halfOpenMaxCalls?: number } = {}) {
    this.circuit = new FailureCountCircuit({
      serviceName: 'orders',
      clock: { now: () => this.now, random: () => 0.5, after: () => () => undefined },
      failureThreshold: 3,
      recoveryTimeoutMs: 1_000,
      halfOpenMaxCalls: 2,
      statuses: new Set([503]),
      ...options,
    });
  }

  attempt(...outcomes: RetryOutcome[]): this {
    for (const outcome of outcomes) this.circuit.admit().record(outcome);
    return this;
  }

  pass(ms: number): this {
    this.now += ms;
    return this;
  }

  open(): this {
    return this.attempt(failure, failure, failure);
  }

  halfOpen(): this {
    return this.open().pass(1_000);
  }

  get state(): CircuitState {
    return this.circuit.state;
  }
}

describe('a closed circuit', () => {
  it.each<[string, RetryOutcome]>([
    ['a lost connection', failure],
    ['a timeout', { attempt: 1, error: new TimeoutError('late') }],
    ['a listed status', { attempt: 1, status: 503 }],
  ])('opens after as many failures in a row as its threshold: %s', (_name, outcome) => {
    expect(new World().attempt(outcome, outcome).state).toBe('closed');
    expect(new World().attempt(outcome, outcome, outcome).state).toBe('open');
  });

  it.each([200, 301, 401, 404, 500])('counts from zero again after %i', (status) => {
    const world = new World().attempt(failure, failure, { attempt: 1, status }, failure, failure);
    expect(world.state).toBe('closed');
    expect(world.attempt(failure).state).toBe('open');
  });

  it.each<[string, RetryOutcome]>([
    ['a credential that is not available', { attempt: 1, error: new AuthenticationError('no token') }],
    ['a certificate that was refused', { attempt: 1, error: new TlsError('certificate') }],
  ])('a closed circuit does not count %s, for or against', (_name, outcome) => {
    const world = new World().attempt(outcome, outcome, outcome, outcome, failure, failure, outcome);
    expect(world.state).toBe('closed');
    expect(world.attempt(failure).state).toBe('open');
  });

  it('a closed circuit does not count an attempt that was released', () => {
    const world = new World().attempt(failure, failure);
    world.circuit.admit().release();
    expect(world.attempt(failure).state).toBe('open');
  });

  it('counts an attempt once', () => {
    const world = new World();
    const permit = world.circuit.admit();
    permit.record(failure);
    permit.record(failure);
    permit.record(failure);
    permit.release();
    expect(world.state).toBe('closed');
  });
});

describe('an open circuit', () => {
  it('fails at once, naming the service and when it will probe', () => {
    const world = new World().open().pass(400);
    const attempt = (): unknown => world.circuit.admit();
    expect(attempt).toThrow(CircuitOpenError);
    expect(attempt).toThrow(expect.objectContaining({ code: 'FORGE_AUTH_CIRCUIT_OPEN', serviceName: 'orders' }));
    expect(attempt).toThrow('The circuit of service "orders" is open: nothing is sent for another 600 ms.');
  });

  it('becomes half-open when its recovery time has passed', () => {
    const world = new World().open();
    expect(world.pass(999).state).toBe('open');
    expect(() => world.circuit.admit()).toThrow(CircuitOpenError);
    expect(world.pass(1).state).toBe('half-open');
    expect(() => world.circuit.admit()).not.toThrow();
  });

  it('an open circuit does not stay open longer because the clock was set back', () => {
    expect(new World().open().pass(-86_400_000).state).toBe('half-open');
  });

  it.each([-500, -5_000, -86_400_000, 86_400_000])(
    'an open circuit lets a probe pass when it is due, though the time of day moved by %d ms',
    (jumpMs) => {
      const at = { wall: 1_000_000, elapsed: 0 };
      const circuit = new FailureCountCircuit({
        serviceName: 'orders',
        clock: {
          now: () => at.wall,
          monotonic: () => at.elapsed,
          random: () => 0.5,
          after: () => () => undefined,
        },
        failureThreshold: 1,
        recoveryTimeoutMs: 1_000,
        halfOpenMaxCalls: 1,
        statuses: new Set([503]),
      });
      circuit.admit().record(failure);
      at.elapsed = 999;
      at.wall += 999 + jumpMs;
      expect(circuit.state).toBe('open');
      at.elapsed = 1_000;
      at.wall += 1;
      expect(circuit.state).toBe('half-open');
    },
  );

  it('an open circuit is not closed by an attempt that was under way when it opened, nor kept open', () => {
    const world = new World();
    const [early, late] = [world.circuit.admit(), world.circuit.admit()];
    world.open();
    early.record(success);
    expect(world.state).toBe('open');
    world.pass(999);
    late.record(failure);
    expect(world.pass(1).state).toBe('half-open');
  });
});

describe('a half-open circuit', () => {
  it('lets only a few probes pass at once', () => {
    const world = new World().halfOpen();
    const [first] = [world.circuit.admit(), world.circuit.admit()];
    expect(() => world.circuit.admit()).toThrow(CircuitOpenError);
    expect(() => world.circuit.admit()).toThrow(
      'The circuit of service "orders" is half-open: nothing more is sent until one of 2 probes has ended.',
    );
    first.release();
    expect(() => world.circuit.admit()).not.toThrow();
    expect(() => world.circuit.admit()).toThrow(CircuitOpenError);
  });

  it('gets a probe back once, however often it is released', () => {
    const world = new World().halfOpen();
    const [first] = [world.circuit.admit(), world.circuit.admit()];
    first.record({ attempt: 1, error: new AuthenticationError('no token') });
    first.release();
    first.release();
    expect(world.state).toBe('half-open');
    world.circuit.admit();
    expect(() => world.circuit.admit()).toThrow(CircuitOpenError);
  });

  it('closes with the first success, and counts failures from zero', () => {
    const world = new World().halfOpen().attempt(success);
    expect(world.state).toBe('closed');
    expect(world.attempt(failure, failure).state).toBe('closed');
    expect(world.attempt(failure).state).toBe('open');
  });

  it('opens with the first failure, for the whole recovery time', () => {
    const world = new World().halfOpen().attempt(failure);
    expect(world.state).toBe('open');
    expect(world.pass(999).state).toBe('open');
    expect(world.pass(1).state).toBe('half-open');
  });

  it('ignores the probe that ends after another has decided', () => {
    const closed = new World().halfOpen();
    const [good, slowBad] = [closed.circuit.admit(), closed.circuit.admit()];
    good.record(success);
    slowBad.record(failure);
    expect(closed.attempt(failure, failure).state).toBe('closed');

    const open = new World().halfOpen();
    const [bad, slowGood] = [open.circuit.admit(), open.circuit.admit()];
    bad.record(failure);
    slowGood.record(success);
    expect(open.state).toBe('open');
  });

  it('lets as many probes pass when it opens anew, though one of the last time is still under way', () => {
    const world = new World().halfOpen();
    const [good] = [world.circuit.admit(), world.circuit.admit()];
    good.record(success);
    world.halfOpen();
    expect([world.circuit.admit(), world.circuit.admit()]).toHaveLength(2);
    expect(() => world.circuit.admit()).toThrow('2 probes');
  });

  it('ignores attempts from before it opened', () => {
    const world = new World();
    const stragglers = [world.circuit.admit(), world.circuit.admit(), world.circuit.admit()];
    world.halfOpen();
    world.circuit.admit();
    world.circuit.admit();
    stragglers[0]?.record(success);
    stragglers[1]?.record(failure);
    stragglers[2]?.release();
    expect(world.state).toBe('half-open');
    expect(() => world.circuit.admit()).toThrow(CircuitOpenError);
  });
});

type Settle = (as: 'success' | 'failure' | 'none') => void;

/** Subject that a history of attempts is played on: the circuit, and its model. */
interface Subject {
  readonly state: CircuitState;
  pass(ms: number): unknown;
  /** Undefined when the attempt is refused. */
  admit(): Settle | undefined;
}

class CircuitSubject extends World implements Subject {
  admit(): Settle | undefined {
    try {
      const permit = this.circuit.admit();
      return (as) => (as === 'none' ? permit.release() : permit.record(as === 'success' ? success : failure));
    } catch {
      return undefined;
    }
  }
}

interface Epoch {
  readonly kind: CircuitState;
  readonly since: number;
  admitted: number;
  readonly log: string[];
}

/** The rules once more, as a log that is read afresh each time: threshold 2, recovery 1,000 ms, 2 probes. */
class Model implements Subject {
  #epoch: Epoch = { kind: 'closed', since: 0, admitted: 0, log: [] };
  #now = 0;

  get state(): CircuitState {
    const { kind, since } = this.#epoch;
    return kind === 'open' && this.#now >= since + 1_000 ? 'half-open' : kind;
  }

  pass(ms: number): void {
    this.#now += ms;
  }

  admit(): Settle | undefined {
    if (this.state !== this.#epoch.kind) this.#begin('half-open');
    const epoch = this.#epoch;
    const underWay = epoch.admitted - epoch.log.length;
    if (epoch.kind === 'open' || (epoch.kind === 'half-open' && underWay === 2)) return undefined;
    epoch.admitted += 1;
    return (as) => {
      epoch.log.push(as);
      if (epoch === this.#epoch) this.#judge(epoch);
    };
  }

  #judge({ kind, log }: Epoch): void {
    const verdicts = log.filter((entry) => entry !== 'none').join(' ');
    if (kind === 'half-open' && verdicts !== '') this.#begin(verdicts === 'success' ? 'closed' : 'open');
    if (kind === 'closed' && verdicts.endsWith('failure failure')) this.#begin('open');
  }

  #begin(kind: CircuitState): void {
    this.#epoch = { kind, since: this.#now, admitted: 0, log: [] };
  }
}

type Step = { do: 'admit' } | { do: 'settle'; which: number; as: Parameters<Settle>[0] } | { do: 'wait'; ms: number };

function play(subject: Subject, history: readonly Step[]): string[] {
  const underWay: Settle[] = [];
  return history.map((step) => {
    let refused = false;
    if (step.do === 'wait') subject.pass(step.ms);
    if (step.do === 'settle')
      underWay.splice(step.which % (underWay.length || 1), 1).forEach((settle) => settle(step.as));
    if (step.do === 'admit') {
      const settle = subject.admit();
      refused = settle === undefined;
      if (settle !== undefined) underWay.push(settle);
    }
    return `${step.do}${refused ? ' refused' : ''}: ${subject.state}`;
  });
}

describe('any history of attempts', () => {
  const steps = fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant('admit' as const) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('settle' as const),
        which: fc.nat(),
        as: fc.constantFrom('success' as const, 'failure' as const, 'none' as const),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 400, 1_000) }) },
  );

  it('leads where the log of its present epoch says', () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 80 }), (history) => {
        const circuit = new CircuitSubject({ failureThreshold: 2 });
        expect(play(circuit, history)).toEqual(play(new Model(), history));
      }),
      { numRuns: 2_000 },
    );
  });
});
