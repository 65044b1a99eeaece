import { ConfigurationError } from '../../errors.js';
import { type GraphStep, StepGraph } from './step-graph.js';

const stepsOf = (steps: Record<string, string[]>): GraphStep[] =>
  Object.entries(steps).map(([name, dependsOn]) => ({ name, dependsOn }));
const graphOf = (steps: Record<string, string[]>, resultStep?: string): StepGraph =>
  new StepGraph(stepsOf(steps), resultStep, 'The pipeline');

/** device → app → user; audit stands alone. */
const CHAIN = { device: [], app: ['device'], user: ['app', 'device'], audit: [] };

it.each<[string, GraphStep[], string | undefined, string]>([
  ['no steps', [], undefined, 'there are no steps. Give at least one.'],
  ['a step without a name', [...stepsOf({ a: [] }), { name: '', dependsOn: [] }], undefined, 'step 2 has no name.'],
  ['a name that is no text', [{ name: 7 as never, dependsOn: [] }], undefined, 'step 1 has no name.'],
  [
    'one name twice',
    [...stepsOf({ a: [] }), ...stepsOf({ a: [] })],
    undefined,
    'two steps are named "a". Give each a name of its own.',
  ],
  [
    'a lifetime of nothing',
    [{ name: 'a', dependsOn: [], ttlMs: 0 }],
    undefined,
    'ttlMs of step "a" must be a number of milliseconds above zero, not 0.',
  ],
  [
    'a lifetime without an end',
    [{ name: 'a', dependsOn: [], ttlMs: Infinity }],
    undefined,
    'ttlMs of step "a" must be a number of milliseconds above zero, not Infinity.',
  ],
  [
    'an unknown dependency',
    stepsOf({ a: [], b: ['a', 'c'] }),
    undefined,
    'step "b" depends on "c", which is no step. Steps: a, b.',
  ],
  [
    'a circle, in the order in which tokens would flow',
    stepsOf({ z: [], a: ['c', 'z'], b: ['a'], c: ['b'] }),
    undefined,
    'steps depend on each other in a circle: a → b → c → a.',
  ],
  [
    'a circle, without the steps that lead into it',
    stepsOf({ x: ['a'], a: ['b'], b: ['a'] }),
    undefined,
    'steps depend on each other in a circle: a → b → a.',
  ],
  ['a step that depends on itself', stepsOf({ a: ['a'] }), undefined, 'steps depend on each other in a circle: a → a.'],
  ['an unknown result', stepsOf({ a: [], b: [] }), 'c', 'resultStep "c" is no step. Steps: a, b.'],
])('a graph of %s is refused by its fault', (_name, steps, result, problem) => {
  const make = (): StepGraph => new StepGraph(steps, result, 'The pipeline');
  expect(make).toThrow(ConfigurationError);
  expect(make).toThrow(`The pipeline: ${problem}`);
});

it('the result is the step that is named, else the last of those that nothing depends on', () => {
  const graph = graphOf(CHAIN);
  expect([graph.names, graph.sinks, graph.result]).toEqual([
    ['device', 'app', 'user', 'audit'],
    ['user', 'audit'],
    'audit',
  ]);
  expect(graphOf(CHAIN, 'app').result).toBe('app');
  expect(new StepGraph([{ name: 'a', dependsOn: [], ttlMs: 1 }], undefined, '').result).toBe('a');
});

it('a step has parents, ancestors and descendants', () => {
  const graph = graphOf(CHAIN);
  expect([graph.parents('user'), graph.parents('device'), graph.parents('nobody')]).toEqual([
    ['app', 'device'],
    [],
    [],
  ]);
  expect([...graph.ancestors('user')].toSorted()).toEqual(['app', 'device']);
  expect([...graph.ancestors('device')]).toEqual([]);
  expect([graph.descendants('device'), graph.descendants('user'), graph.descendants('audit')]).toEqual([
    ['app', 'user'],
    [],
    [],
  ]);
});

it('ancestors are found once, however many ways lead to them', () => {
  const steps: Record<string, string[]> = { a0: [], b0: [] };
  for (let level = 1; level <= 40; level += 1)
    steps[`a${level}`] = steps[`b${level}`] = [`a${level - 1}`, `b${level - 1}`];
  expect(graphOf(steps).ancestors('a40').size).toBe(80);
});

it('a step that is not there is named, with those that are', () => {
  const graph = graphOf(CHAIN);
  expect(() => graph.assertKnown('app')).not.toThrow();
  expect(() => graph.assertKnown('apps')).toThrow('The pipeline has no step "apps". Steps: device, app, user, audit.');
});

it('a graph is drawn as a flowchart from dependency to dependent, whatever the names', () => {
  expect(graphOf({ 'a "b"': [], c: ['a "b"'] }).toMermaid()).toBe(
    'flowchart LR\n  s0["a #quot;b#quot;"]\n  s1["c"]\n  s0 --> s1',
  );
});

describe('a name that is no word, as a secret in the wrong place', () => {
  const SECRET = 'p@ss w0rd/for=production';

  it.each<[string, GraphStep[], string | undefined]>([
    ['twice', [...stepsOf({ [SECRET]: [] }), ...stepsOf({ [SECRET]: [] })], undefined],
    ['in a circle', stepsOf({ a: [SECRET], [SECRET]: ['a'] }), undefined],
    ['of a step that depends on none', stepsOf({ [SECRET]: ['c'] }), undefined],
    ['of a dependency', stepsOf({ a: [SECRET] }), undefined],
    ['beside a result step that is none', stepsOf({ [SECRET]: [] }), 'user'],
    ['of a result step', stepsOf({ a: [] }), SECRET],
    ['of a step with a lifetime of nothing', [{ name: SECRET, dependsOn: [], ttlMs: 0 }], undefined],
  ])('a name that is no word, as a secret in the wrong place, is not quoted: %s', (_where, steps, resultStep) => {
    const made = (): StepGraph => new StepGraph(steps, resultStep, 'The pipeline');
    expect(made).toThrow('[a name with other characters in it]');
    expect(made).not.toThrow(SECRET);
  });

  it('a name that is no word, as a secret in the wrong place, is not quoted where a step is asked for', () => {
    const graph = graphOf({ [SECRET]: [] });
    expect(() => graph.assertKnown('other')).toThrow('Steps: [a name with other characters in it].');
    expect(() => graph.assertKnown(`${SECRET}!`)).not.toThrow(SECRET);
  });

  it.each(['app_token', 'app-token.v2', 'tenant:42', '7', 'größe'])('a word is: %s', (word) => {
    expect(() => graphOf({ [word]: [word] })).toThrow(`${word} → ${word}`);
  });
});
