import { execFile } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { SpanKind } from '@opentelemetry/api';
import { TestIssuer } from 'nestjs-forge-auth/testing';
import { builtPackage } from '../support/built-package.js';
import { startServer } from '../support/recording-server.js';

const SCRIPT = fileURLToPath(new URL('auto-instrumented.mjs', import.meta.url));

interface Seen {
  readonly spans: readonly {
    name: string;
    kind: SpanKind;
    scope: string;
    id: string;
    parent?: string;
    trace: string;
  }[];
  readonly metrics: Readonly<Record<string, number>>;
}

it('counts nothing twice beside @opentelemetry/auto-instrumentations-node, and stands above its spans', async () => {
  await using issuer = await TestIssuer.start();
  const api = await startServer((_request, response) => void response.writeHead(204).end());
  const folder = dirname(await builtPackage());
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, folder, api.origin, issuer.tokenUrl], {
    env: { ...process.env, NODE_OPTIONS: '', OTEL_LOG_LEVEL: 'none', OTEL_SEMCONV_STABILITY_OPT_IN: 'http' },
    timeout: 120_000,
  });
  const { spans, metrics } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Seen;
  const ours = spans.filter(({ scope }) => scope === 'nestjs-forge-auth');
  const clients = spans.filter(({ kind, scope }) => kind === SpanKind.CLIENT && scope.includes('http'));
  expect(ours.map(({ name, kind }) => [name, kind])).toEqual([
    ['forge_auth.token_request', SpanKind.INTERNAL],
    ['GET', SpanKind.INTERNAL],
    ['GET', SpanKind.INTERNAL],
    ['GET', SpanKind.INTERNAL],
  ]);
  expect(clients).toHaveLength(4);
  expect(new Set(clients.map(({ parent }) => parent))).toEqual(new Set(ours.map(({ id }) => id)));
  expect(metrics).toMatchObject({
    'forge_auth.call.duration': 3,
    'forge_auth.token.requests': 1,
    'http.client.request.duration': 4,
  });
  expect(api.requests.map(({ headers }) => String(headers['traceparent']).split('-')[1])).toEqual(
    ours.filter(({ name }) => name === 'GET').map(({ trace }) => trace),
  );
  await api.close();
}, 180_000);
