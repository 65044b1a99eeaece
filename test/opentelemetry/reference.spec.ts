import { readFileSync } from 'node:fs';
import { METRICS } from 'nestjs-forge-auth/opentelemetry';
import { codeIn, markedTables } from '../support/docs.js';

const page = (name: string): string =>
  readFileSync(new URL(`../../docs/reference/${name}.md`, import.meta.url), 'utf8');
const rows = (name: string, mark: string) => markedTables(page(name)).find((table) => table.mark === mark)?.rows ?? [];

it('lists every metric with its kind, unit and attributes', () => {
  const listed = rows('metrics', 'metrics').map(([name = '', kind, unit = '', attributes = '']) => [
    ...codeIn(name),
    { kind, unit: codeIn(unit)[0], attributes: codeIn(attributes) },
  ]);
  const known = Object.entries(METRICS).map(([name, { kind, unit, attributes }]) => [name, { kind, unit, attributes }]);
  expect(listed).toEqual(known);
});

it('lists every event with what it says', () => {
  const source = readFileSync(new URL('../../src/observer.ts', import.meta.url), 'utf8');
  const union = source.slice(source.indexOf('export type ForgeAuthEvent'), source.indexOf('\n);'));
  const known = union
    .split("readonly type: '")
    .slice(1)
    .map((part) => [part.split("'", 1)[0], ...[...part.matchAll(/readonly (\w+)\??:/g)].map(([, name]) => name)]);
  const listed = rows('events', 'events').map(([type = '', , says = '']) => [...codeIn(type), ...codeIn(says)]);
  expect(listed).toEqual(known);
});
