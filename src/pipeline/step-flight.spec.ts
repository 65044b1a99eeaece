import { flightDeadlines } from './step-flight.js';
import { StepGraph } from './step-graph.js';

const graphOf = (steps: Record<string, string[]>): StepGraph =>
  new StepGraph(
    Object.entries(steps).map(([name, dependsOn]) => ({ name, dependsOn })),
    undefined,
    'The pipeline',
  );

describe('the deadline of a flight', () => {
  it('the deadline of a flight has room for its own fetch and those of the slowest step before it, twice', () => {
    const graph = graphOf({ device: [], app: [], user: ['device', 'app'], session: ['user', 'app'] });
    const own: Record<string, number> = { device: 1_000, app: 5_000, user: 2_000, session: 3_000 };
    expect(Object.fromEntries(flightDeadlines(graph, (name) => own[name] as number))).toEqual({
      device: 2_000,
      app: 6_000,
      user: 16_000,
      session: 38_000,
    });
  });

  it('the deadline of a flight is reckoned once for each step, however many ways lead to it', () => {
    const steps: Record<string, string[]> = { a0: [], b0: [] };
    for (let level = 1; level <= 30; level += 1)
      steps[`a${level}`] = steps[`b${level}`] = [`a${level - 1}`, `b${level - 1}`];
    let asked = 0;
    flightDeadlines(graphOf(steps), () => (asked += 1));
    expect(asked).toBe(62);
  });
});
