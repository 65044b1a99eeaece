/**
 * Uses the packed package in the apps that Nest's command makes (templates after its layout in test/stock-apps), with
 * the documentation's own install lines and not one setting changed: unit tests, end-to-end tests, builds by tsc, swc
 * and webpack, and the built app itself; with npm and pnpm, on Node 20, 22 and 24.
 *
 * Usage: node scripts/check-stock-apps.mjs <tarball> [app] [package manager] [Node version]
 */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const [tarball, onlyApp, onlyManager, onlyNode] = process.argv.slice(2);
const templates = fileURLToPath(new URL('../test/stock-apps/', import.meta.url));
const temp = mkdtempSync(join(tmpdir(), 'stock-apps-'));

/** Nest 12 is made of ES modules, which Jest's CommonJS loader knows from Node 24.9 on: nothing of ours. */
const APPS = {
  'nest-11': { nodes: ['20', '22', '24'], builders: ['tsc', 'swc', 'webpack'] },
  'nest-11-swc': { template: 'nest-11', nodes: ['20', '22', '24'], builders: ['swc'], prepare: transformWithSwc },
  'nest-12-esm': { nodes: ['20', '22', '24'], builders: ['tsc', 'swc'], esm: true },
  'nest-12-commonjs': { nodes: ['24'], builders: ['tsc', 'swc', 'webpack'] },
};
const MANAGERS = ['npm', 'pnpm'];
const BUILDER_PACKAGES = {
  tsc: [],
  swc: ['@swc/cli', '@swc/core'],
  webpack: [
    'webpack',
    'webpack-node-externals',
    'fork-ts-checker-webpack-plugin',
    'tsconfig-paths-webpack-plugin',
    'ts-loader',
  ],
};

try {
  for (const [app, setup] of Object.entries(APPS)) {
    if (onlyApp !== undefined && app !== onlyApp) continue;
    for (const manager of MANAGERS) {
      if (onlyManager === undefined || manager === onlyManager) await checkApp(app, manager, setup);
    }
  }
  console.log('check-stock-apps: passed');
} finally {
  rmSync(temp, { recursive: true, force: true });
}

async function checkApp(app, manager, setup) {
  const folder = join(temp, `${app}-${manager}`);
  cpSync(join(templates, setup.template ?? app), folder, { recursive: true });
  cpSync(join(templates, 'app'), folder, { recursive: true });
  if (setup.esm) addEndings(folder);
  setup.prepare?.(folder);
  say(`${app}, ${manager}: installing`);
  for (const line of [
    ...installLines(app),
    ...(setup.template === undefined ? [] : ['npm install -D @swc/jest @swc/core']),
  ]) {
    install(folder, manager, line);
  }
  const builders = setup.builders.flatMap((builder) => BUILDER_PACKAGES[builder]);
  if (builders.length > 0) install(folder, manager, `npm install -D ${[...new Set(builders)].join(' ')}`);
  say(`${app}, ${manager}: nest add, nest generate`);
  // What is packed here is in no registry: it is installed already.
  const add = './node_modules/.bin/nest add nestjs-forge-auth --skip-install';
  run('npx', manager === 'npm' ? ['--call', add] : ['--yes', '--package=pnpm@10', '--call', add], folder);
  if (!existsSync(join(folder, 'src/api/api.module.ts'))) throw new Error('nest add made no service');
  run('npx', ['--no-install', 'nest', 'generate', '-c', 'nestjs-forge-auth', 'service', 'billing'], folder);
  if (!existsSync(join(folder, 'src/billing/billing.module.ts'))) throw new Error('nest generate made no service');
  for (const version of setup.nodes) {
    if (onlyNode !== undefined && version !== onlyNode) continue;
    const env = withNode(version);
    say(`${app}, ${manager}, Node ${run('node', ['--version'], folder, env).trim()}: test, test:e2e`);
    run('npm', ['test'], folder, env);
    run('npm', ['run', 'test:e2e'], folder, env);
    for (const builder of setup.builders) {
      say(`${app}, ${manager}, Node ${version}: nest build with ${builder}`);
      run('npx', ['--no-install', 'nest', 'build', '--builder', builder], folder, env);
      await callBuiltApp(folder, env);
    }
  }
  rmSync(folder, { recursive: true, force: true });
}

/** The lines that the README has for this app: `npm install nestjs-forge-auth …`. */
function installLines(app) {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const lines = [...readme.matchAll(/^npm install nestjs-forge-auth .*$/gm)].map(([line]) =>
    line.replace(/\s+#.*$/, ''),
  );
  const line = lines.find((candidate) => candidate.includes('@nestjs/axios@4') === app.startsWith('nest-11'));
  if (line === undefined) throw new Error(`README has no install line for ${app}`);
  return ['npm install', line];
}

function install(folder, manager, line) {
  const [, , ...words] = line.split(' ');
  const packages = words.map((word) => (word === 'nestjs-forge-auth' ? resolve(tarball) : word));
  if (manager === 'npm') run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...packages], folder);
  else
    run(
      'npx',
      ['--yes', 'pnpm@10', packages.length === 0 ? 'install' : 'add', '--ignore-scripts', ...packages],
      folder,
    );
}

/** A process environment in which `node` is of that version, from the registry's own packages of it. */
function withNode(version) {
  if (process.versions.node.startsWith(`${version}.`)) return process.env;
  const home = join(temp, `node-${version}`);
  if (!existsSync(home)) {
    mkdirSync(home);
    writeFileSync(join(home, 'package.json'), '{}');
    const name = `node-${process.platform}-${process.arch}`;
    run('npm', ['install', '--no-audit', '--no-fund', `${name}@${version}`], home);
  }
  const bin = join(home, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin');
  return { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
}

/** Starts what was built, and asks it for an order. */
async function callBuiltApp(folder, env) {
  const upstream = createServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    const authorized = request.headers.authorization === 'Bearer built';
    response.statusCode = request.url === '/token' || authorized ? 200 : 401;
    response.end(request.url === '/token' ? '{"access_token":"built","token_type":"Bearer"}' : '{"item":"anvil"}');
  });
  await new Promise((done) => upstream.listen(0, '127.0.0.1', done));
  const port = await freePort();
  const ordersUrl = `http://127.0.0.1:${upstream.address().port}`;
  const entry = existsSync(join(folder, 'dist/main.js')) ? 'dist/main.js' : 'dist/src/main.js';
  const child = spawn('node', [entry], {
    cwd: folder,
    env: { ...env, ORDERS_URL: ordersUrl, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  try {
    for (let tries = 0; ; tries += 1) {
      const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
      if (answer?.ok && (await answer.json()).item === 'anvil') break;
      if (tries > 100 || child.exitCode !== null) throw new Error(`the built app did not answer:\n${output}`);
      await new Promise((done) => setTimeout(done, 200));
    }
  } finally {
    child.kill();
    upstream.close();
  }
}

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** ES modules name files with their endings. */
function addEndings(folder) {
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  )) {
    const file = join(folder, path);
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replaceAll(/from '(\.[^']*|supertest\/types)'/g, "from '$1.js'"));
  }
}

/** As `@swc/jest` documents: another transform, nothing else. */
function transformWithSwc(folder) {
  const options = {
    jsc: {
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
      target: 'es2023',
    },
    module: { type: 'commonjs' },
  };
  for (const [path, select] of [
    ['package.json', (json) => json.jest],
    ['test/jest-e2e.json', (json) => json],
  ]) {
    const file = join(folder, path);
    const json = JSON.parse(readFileSync(file, 'utf8'));
    select(json).transform = { '^.+\\.(t|j)s$': ['@swc/jest', options] };
    writeFileSync(file, JSON.stringify(json, null, 2));
  }
}

function run(command, args, cwd, env = process.env) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env: { ...env, CI: 'true' }, encoding: 'utf8' });
  if (status === 0) return stdout;
  console.error(`${stdout}\n${stderr}`);
  throw new Error(`${command} ${args.join(' ')} failed in ${cwd}`);
}

function say(text) {
  console.log(`check-stock-apps: ${text}`);
}
