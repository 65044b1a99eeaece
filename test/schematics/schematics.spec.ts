import { withModule } from '../../src/schematics/app-module.js';
import { nestAdd } from '../../src/schematics/nest-add.schematic.js';
import { service } from '../../src/schematics/service.schematic.js';
import type { SchematicContext, Tree } from '../../src/schematics/tree.js';

const APP_MODULE = `import { Module } from '@nestjs/common';
import { AppController } from './app.controller';

@Module({
  imports: [],
  controllers: [AppController],
})
export class AppModule {}
`;

class App implements Tree {
  readonly files: Map<string, string>;
  readonly messages: string[] = [];
  readonly tasks: object[] = [];
  readonly context: SchematicContext = {
    logger: { info: (text) => this.messages.push(text), warn: (text) => this.messages.push(text) },
    addTask: (task) => this.tasks.push(task.toConfiguration()),
  };

  constructor(files: Record<string, string>) {
    this.files = new Map(Object.entries(files));
  }

  exists = (path: string): boolean => this.files.has(path);
  read = (path: string): Uint8Array | null => {
    const text = this.files.get(path);
    return text === undefined ? null : new TextEncoder().encode(text);
  };
  create = (path: string, content: string): void => void this.files.set(path, content);
  overwrite = this.create;
}

function stockApp(manifest: object = { dependencies: { '@nestjs/common': '^12.0.1' } }): App {
  return new App({ 'package.json': JSON.stringify(manifest), 'src/app.module.ts': APP_MODULE });
}

describe('schematics', () => {
  it('schematics add the module, a first service, its variables and the peers of Nest 11', () => {
    const app = stockApp({ name: 'shop', dependencies: { '@nestjs/common': '^11.0.1', axios: '^1.20.0' } });
    nestAdd({ sourceRoot: 'src' })(app, app.context);
    expect(app.files.get('src/app.module.ts')).toContain('imports: [ApiModule, ForgeAuthModule.forRoot()],');
    expect(app.files.get('src/app.module.ts')).toContain("import { ForgeAuthModule } from 'nestjs-forge-auth';");
    expect([...app.files.keys()]).toEqual(
      expect.arrayContaining(['src/api/api.module.ts', 'src/api/api.service.ts', '.env.example']),
    );
    expect(JSON.parse(app.files.get('package.json') ?? '')).toEqual({
      name: 'shop',
      dependencies: {
        '@nestjs/axios': '^4.0.0',
        '@nestjs/cache-manager': '^3.0.0',
        '@nestjs/common': '^11.0.1',
        axios: '^1.20.0',
        'cache-manager': '^7.0.0',
      },
    });
    expect(app.tasks).toEqual([{ name: 'node-package', options: expect.objectContaining({ command: 'install' }) }]);
  });

  it('schematics add another service to an app of ES modules, and keep what it has', () => {
    const app = stockApp({ type: 'module', dependencies: { '@nestjs/common': '^12.0.1' } });
    app.create('.env.example', 'PORT=3000\n');
    service({ name: 'billing-api' })(app, app.context);
    expect(app.files.get('src/app.module.ts')).toContain("from './billing-api/billing-api.module.js'");
    expect(app.files.get('src/billing-api/billing-api.module.ts')).toContain('process.env.BILLING_API_TOKEN_URL');
    expect(app.files.get('.env.example')).toMatch(/^PORT=3000\n\nBILLING_API_URL=/);
  });

  it('a schematic refuses a name without letters, and a service that is there already', () => {
    const app = stockApp();
    expect(() => service({ name: '--' })).toThrow('names no service');
    service({ name: 'orders' })(app, app.context);
    expect(() => service({ name: 'orders' })(app, app.context)).toThrow('is there already');
  });

  it('a schematic says what to write where the app module is not to be found', () => {
    const app = new App({ 'package.json': '{}' });
    service({ name: 'orders' })(app, app.context);
    expect(app.messages.join('\n')).toContain("add OrdersModule (import from './orders/orders.module')");
  });

  it.each([
    ['an empty list', '@Module({ imports: [] })', 'imports: [XModule]'],
    ['a list', '@Module({ imports: [A, B] })', 'imports: [XModule, A, B]'],
    ['a list over lines', '@Module({\n  imports: [\n    A,\n  ],\n})', 'imports: [\n    XModule, A,'],
    ['no list', '@Module({ providers: [] })', 'imports: [XModule],'],
  ])('schematics write into %s of imports', (_what, source, expected) => {
    expect(withModule(source, 'XModule', './x')).toContain(expected);
  });
});
