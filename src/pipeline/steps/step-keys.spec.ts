import type { PipelineStep } from './pipeline-step.js';
import { StepGraph } from './step-graph.js';
import { StepKeys } from './step-keys.js';

const NODES = [
  { name: 'device', dependsOn: [] },
  { name: 'app', dependsOn: ['device'] },
  { name: 'user', dependsOn: ['app', 'device'] },
];

/** Returns the key of each step. */
async function keysOf(more: { prefix?: string; service?: string; changed?: string } = {}) {
  const asked: string[] = [];
  const steps = NODES.map(({ name }) => [
    name,
    {
      identity: async () => (asked.push(name), [name === more.changed ? 'changed' : 'same']),
    } as unknown as PipelineStep,
  ]) as [string, PipelineStep][];
  const graph = new StepGraph(NODES, undefined, 'The pipeline');
  const keys = new StepKeys(graph, new Map(steps), more.prefix ?? 'forge-auth', more.service ?? 'orders');
  const made = await Promise.all(NODES.map(({ name }) => keys.of(name)));
  asked.length = 0;
  await keys.of('user');
  return { made, asked };
}

it('the key of a step is of its prefix and its service, and of no other step', async () => {
  const { made } = await keysOf();
  expect(made.map((key) => key.startsWith('forge-auth:orders:'))).toEqual([true, true, true]);
  expect(new Set(made).size).toBe(3);
  for (const other of [await keysOf({ prefix: 'other' }), await keysOf({ service: 'other' })])
    expect(made.some((key) => other.made.includes(key))).toBe(false);
  expect((await keysOf()).made).toEqual(made);
});

it.each([
  ['device', [true, true, true]],
  ['app', [false, true, true]],
  ['user', [false, false, true]],
])('the key of a step changes with what it is made from: %s', async (changed, expected) => {
  const [{ made }, other] = [await keysOf(), await keysOf({ changed })];
  expect(made.map((key, index) => key !== other.made[index])).toEqual(expected);
});

it('the key of a step asks each step that it is made from once', async () => {
  expect((await keysOf()).asked.toSorted()).toEqual(['app', 'device', 'user']);
});
