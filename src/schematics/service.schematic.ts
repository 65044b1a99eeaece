import { withModule } from './app-module.js';
import { manifestOf, type SchematicContext, textOf, type Tree } from './tree.js';

/** Options of `nest g -c nestjs-forge-auth service <name>`. */
export interface ServiceSchematicOptions {
  /** Name of the service: `orders`, `billing-api`. */
  name: string;
  /** @default 'src' */
  sourceRoot?: string;
}

/**
 * Adds a service: a module of its own with the service's registration and an injectable that calls it, imported by the
 * app's module, and its variables in `.env.example`.
 */
export function service(options: ServiceSchematicOptions): (tree: Tree, context: SchematicContext) => Tree {
  const { name, sourceRoot = 'src' } = options;
  const words = name.match(/[A-Za-z][a-z0-9]*|[0-9]+/g) ?? [];
  if (words.length === 0)
    throw new Error(`"${name}" names no service. Give it letters: nest g -c nestjs-forge-auth service orders`);
  const file = words.join('-').toLowerCase();
  const className = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  const variable = words.join('_').toUpperCase();

  return (tree, { logger }) => {
    const ending = manifestOf(tree).type === 'module' ? '.js' : '';
    const folder = `${sourceRoot}/${file}`;
    if (tree.exists(`${folder}/${file}.module.ts`)) throw new Error(`${folder}/${file}.module.ts is there already.`);
    tree.create(`${folder}/${file}.module.ts`, moduleSource(file, className, variable, ending));
    tree.create(`${folder}/${file}.service.ts`, serviceSource(file, className));
    addToAppModule(tree, logger, sourceRoot, `${className}Module`, `./${file}/${file}.module${ending}`);
    addVariables(tree, variable);
    logger.info(
      `Set ${variable}_URL, ${variable}_TOKEN_URL, ${variable}_CLIENT_ID and ${variable}_CLIENT_SECRET (see .env.example).`,
    );
    return tree;
  };
}

/** Adds a module to the app's; says what to write where there is no app module to be found. */
export function addToAppModule(
  tree: Tree,
  logger: SchematicContext['logger'],
  sourceRoot: string,
  moduleName: string,
  from: string,
  call = moduleName,
): void {
  const path = `${sourceRoot}/app.module.ts`;
  const edited = withModule(textOf(tree, path) ?? '', moduleName, from, call);
  if (edited === undefined)
    logger.warn(`No @Module({ … }) in ${path}: add ${call} (import from '${from}') to your module's imports.`);
  else tree.overwrite(path, edited);
}

function addVariables(tree: Tree, variable: string): void {
  const lines = [
    `${variable}_URL=http://127.0.0.1:4000`,
    `${variable}_TOKEN_URL=http://127.0.0.1:4000/token`,
    `${variable}_CLIENT_ID=`,
    `${variable}_CLIENT_SECRET=`,
  ];
  const known = textOf(tree, '.env.example');
  if (known === undefined) tree.create('.env.example', `${lines.join('\n')}\n`);
  else tree.overwrite('.env.example', `${known.trimEnd()}\n\n${lines.join('\n')}\n`);
}

function moduleSource(file: string, className: string, variable: string, ending: string): string {
  return `import { Module } from '@nestjs/common';
import { ClientCredentialsTokenProvider, ForgeAuthModule } from 'nestjs-forge-auth';
import { ${className}Service } from './${file}.service${ending}';

@Module({
  imports: [
    ForgeAuthModule.forFeatureAsync({
      name: '${file}',
      useFactory: () => ({
        baseUrl: process.env.${variable}_URL ?? 'http://127.0.0.1:4000',
        auth: {
          provider: new ClientCredentialsTokenProvider({
            tokenUrl: process.env.${variable}_TOKEN_URL ?? 'http://127.0.0.1:4000/token',
            clientId: process.env.${variable}_CLIENT_ID ?? 'only-for-this-machine',
            clientSecret: process.env.${variable}_CLIENT_SECRET ?? 'only-for-this-machine',
          }),
        },
      }),
    }),
  ],
  providers: [${className}Service],
  exports: [${className}Service],
})
export class ${className}Module {}
`;
}

function serviceSource(file: string, className: string): string {
  return `import { Injectable } from '@nestjs/common';
import { ForgeHttpClient, InjectForgeClient } from 'nestjs-forge-auth';

@Injectable()
export class ${className}Service {
  constructor(@InjectForgeClient('${file}') private readonly client: ForgeHttpClient) {}

  async get<T>(path: string): Promise<T> {
    const { data } = await this.client.get<T>(path);
    return data;
  }
}
`;
}
