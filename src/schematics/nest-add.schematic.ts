import { addToAppModule, service } from './service.schematic.js';
import { manifestOf, type SchematicContext, type Tree } from './tree.js';

/** Options of `nest add nestjs-forge-auth`. */
export interface NestAddSchematicOptions {
  /** Name of the first service. @default 'api' */
  name?: string;
  /** @default 'src' */
  sourceRoot?: string;
}

/** Peers that fit the app's Nest: the newest would not. */
const PEERS_OF_NEST: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  11: { '@nestjs/axios': '^4.0.0', '@nestjs/cache-manager': '^3.0.0' },
  12: { '@nestjs/axios': '^12.0.0', '@nestjs/cache-manager': '^12.0.0' },
};
const PEERS = { 'cache-manager': '^7.0.0', axios: '^1.18.0' };

/** Adds the module with a first service and its environment variables to an app, and the peers that fit its Nest. */
export function nestAdd(options: NestAddSchematicOptions): (tree: Tree, context: SchematicContext) => Tree {
  const { name = 'api', sourceRoot = 'src' } = options;
  return (tree, context) => {
    addPeers(tree, context);
    const from = 'nestjs-forge-auth';
    addToAppModule(tree, context.logger, sourceRoot, 'ForgeAuthModule', from, 'ForgeAuthModule.forRoot()');
    return service({ name, sourceRoot })(tree, context);
  };
}

function addPeers(tree: Tree, context: SchematicContext): void {
  const manifest = manifestOf(tree);
  const nest = /\d+/.exec(manifest.dependencies?.['@nestjs/common'] ?? '')?.[0] ?? '12';
  const peers = { ...PEERS_OF_NEST[nest], ...PEERS };
  const dependencies = { ...peers, ...manifest.dependencies };
  const sorted = Object.fromEntries(Object.entries(dependencies).sort(([a], [b]) => (a < b ? -1 : 1)));
  tree.overwrite('package.json', `${JSON.stringify({ ...manifest, dependencies: sorted }, null, 2)}\n`);
  context.addTask({ toConfiguration: () => ({ name: 'node-package', options: { command: 'install', quiet: true } }) });
}
