import { Token } from '../../token/token.js';
import { StepGraph } from './step-graph.js';
import { StepHistory } from './step-history.js';

const tokenOf = (accessToken: string): Token => new Token({ accessToken });
const historyOf = (): StepHistory =>
  new StepHistory(
    new StepGraph(
      [
        { name: 'device', dependsOn: [] },
        { name: 'app', dependsOn: ['device'] },
        { name: 'user', dependsOn: ['app'] },
      ],
      undefined,
      'The pipeline',
    ),
  );

it('a token is new to those who began before it was fetched', () => {
  const history = historyOf();
  history.fetched('app', tokenOf('a'));
  const since = history.fetches;
  expect([since, history.isNew('app', tokenOf('a'), 0), history.isNew('app', tokenOf('a'), since)]).toEqual([
    1,
    true,
    false,
  ]);
  history.fetched('app', tokenOf('b'));
  expect(history.isNew('app', tokenOf('b'), since)).toBe(true);
  expect(history.isNew('app', tokenOf('a'), 0)).toBe(false);
  expect(history.isNew('device', tokenOf('b'), 0)).toBe(false);
});

it('the lineage of a step changes when one that it is made from is invalidated, and by nothing else', () => {
  const history = historyOf();
  const before = history.lineage('user');
  history.invalidated(['user']);
  history.fetched('app', tokenOf('a'));
  expect(history.lineage('user')).toBe(before);
  const seen = [before];
  for (const steps of [['app'], ['device'], ['device', 'app'], ['device', 'device']]) {
    history.invalidated(steps);
    expect(seen).not.toContain(history.lineage('user'));
    seen.push(history.lineage('user'));
  }
  expect(history.lineage('device')).toBe('');
});
