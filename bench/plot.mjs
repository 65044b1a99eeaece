/** Draws the calls of the bench as one SVG picture, by Vega-Lite: the package's own in another colour. */
import { writeFile } from 'node:fs/promises';

const TARGET = new URL('../docs/public/bench.svg', import.meta.url);
const OURS = '#0b7285';
const OTHERS = '#adb5bd';

/** @param calls rows of the part `calls`; @param peers packages that are there */
export async function plotCalls(calls, peers) {
  if (!peers.has('vega') || !peers.has('vega-lite')) {
    console.error('No picture is drawn: vega and vega-lite are not there.');
    return;
  }
  const [vega, lite] = await Promise.all([import('vega'), import('vega-lite')]);
  const { spec } = lite.compile({
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    description: 'CPU time of one authenticated call with a cached token; HttpService is 1.',
    title: {
      text: 'CPU time of one authenticated call',
      subtitle: 'cached token, 50 calls at once; HttpService is 1; less is better',
      anchor: 'start',
    },
    background: 'white',
    width: 420,
    data: { values: calls.map(({ name, ratio, ours }) => ({ name, ratio: Math.round(ratio * 100) / 100, ours })) },
    encoding: { y: { field: 'name', type: 'nominal', sort: 'x', title: null, axis: { labelLimit: 320 } } },
    layer: [
      {
        mark: 'bar',
        encoding: {
          x: { field: 'ratio', type: 'quantitative', title: null },
          color: { condition: { test: 'datum.ours', value: OURS }, value: OTHERS },
        },
      },
      {
        mark: { type: 'text', align: 'left', dx: 4 },
        encoding: { x: { field: 'ratio', type: 'quantitative' }, text: { field: 'ratio', format: '.2f' } },
      },
    ],
  });
  const view = new vega.View(vega.parse(spec), { renderer: 'none' });
  await writeFile(TARGET, `${await view.toSVG()}\n`);
}
