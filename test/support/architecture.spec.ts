import { findBreaches } from './architecture.js';

/** Returns the findings of `findBreaches` in a tree given as path → text. */
function breachesOf(tree: Record<string, string>, packages: string[] = []): string[] {
  return findBreaches(
    Object.entries(tree).map(([path, text]) => ({ path, text })),
    packages,
  );
}

describe('findBreaches', () => {
  it('finds nothing in a sound tree', () => {
    const tree = {
      'errors.ts': 'import { inspect } from "node:util";',
      'http/transport.ts':
        'import type { ForgeAuthError } from "../errors.js"; import type { AxiosInstance } from "axios";',
      'http/axios/axios-sender.ts': 'import axios from "axios"; import type { Transport } from "./transport.js";',
      'token/token.ts': 'import type { Transport } from "../http/transport.js";',
      'client/faces/http-service.face.ts': 'import { HttpService } from "@nestjs/axios"; import axios from "axios";',
      'nest/forge-auth.module.ts': 'import { Module } from "@nestjs/common";',
      'terminus/health.ts':
        'import { HealthIndicatorService } from "@nestjs/terminus"; import "../nest/forge-auth.module.js";',
      'index.ts':
        'export { ForgeAuthModule } from "./nest/forge-auth.module.js"; export type { Token } from "./token/token.js";',
    };
    const packages = ['axios', '@nestjs/axios', '@nestjs/common', '@nestjs/terminus'];
    expect(breachesOf(tree, packages)).toEqual([]);
  });

  it.each([
    ['an import', 'import { TokenManager } from "../token/token-manager.js";'],
    ['a type import', 'import type { TokenManager } from "../token/token-manager.js";'],
    ['a bare import', 'import "../token/token-manager.js";'],
    ['a re-export', 'export { TokenManager } from "../token/token-manager.js";'],
    ['a type re-export', 'export type { TokenManager } from "../token/token-manager.js";'],
    ['a dynamic import', 'export const load = () => import("../token/token-manager.js");'],
    ['an inline type import', 'export type M = import("../token/token-manager.js").TokenManager;'],
    ['an import assignment', 'import manager = require("../token/token-manager.js");'],
    ['a require', 'const { TokenManager } = require("../token/token-manager.js");'],
    ['an augmentation', 'declare module "../token/token-manager.js" { interface TokenManager {} }'],
  ])('finds %s that leads upward', (_what, text) => {
    expect(breachesOf({ 'http/transport.ts': text })).toEqual([
      'http/transport.ts (layer 1) imports token/token-manager.ts (layer 2)',
    ]);
  });

  it.each([
    ['errors.ts', './http/transport.js', 0, 1],
    ['lock/lease.ts', '../token/token.js', 1, 2],
    ['token/token.ts', '../providers/grant.js', 2, 3],
    ['pipeline/step.ts', '../auth/bearer.js', 3, 4],
    ['auth/bearer.ts', '../client/client.js', 4, 5],
    ['client/client.ts', '../options/options.js', 5, 6],
    ['options/options.ts', '../application/host.js', 6, 7],
    ['application/host.ts', '../nest/forge-auth.module.js', 7, 8],
    ['nest/forge-auth.module.ts', '../index.js', 8, 9],
  ])('finds an import from %s up to %s', (from, specifier, own, other) => {
    const breaches = breachesOf({ [from]: `import "${specifier}";` });
    expect(breaches).toHaveLength(1);
    expect(breaches[0]).toContain(`(layer ${own}) imports`);
    expect(breaches[0]).toContain(`(layer ${other})`);
  });

  it('finds a cycle between files of one layer, and names each file of it', () => {
    const tree = {
      'http/a.ts': 'import "./b.js";',
      'http/b.ts': 'import type { C } from "../lock/c.js";',
      'lock/c.ts': 'import "../http/b.js";',
    };
    expect(breachesOf(tree)).toEqual(['http/b.ts → lock/c.ts → http/b.ts is a cycle']);
  });

  it('finds a file that imports itself', () => {
    expect(breachesOf({ 'http/a.ts': 'import "./a.js";' })).toEqual(['http/a.ts → http/a.ts is a cycle']);
  });

  it('finds Nest below the module', () => {
    expect(breachesOf({ 'token/token.ts': 'import { Logger } from "@nestjs/common";' }, ['@nestjs/common'])).toEqual([
      'token/token.ts imports @nestjs/common: beside nest/ only client/faces/http-service.face.ts may',
    ]);
  });

  it.each([
    ['undici', 'undici'],
    ['@nestjs/terminus', 'terminus'],
    ['@opentelemetry/api', 'opentelemetry'],
  ])('finds the optional %s outside %s/', (name, home) => {
    const text = `import type { X } from "${name}";`;
    for (const path of ['nest/forge-auth.module.ts', 'http/other.ts', 'testing/server.ts']) {
      expect(breachesOf({ [path]: text }, [name])).toEqual([`${path} imports the optional ${name}: only ${home}/ may`]);
    }
    expect(breachesOf({ [`${home}/entry.ts`]: text }, [name])).toEqual([]);
  });

  it.each([
    ['http/transport.ts', 'import axios from "axios";', ' at run time'],
    ['http/transport.ts', 'import { type AxiosInstance } from "axios";', ' at run time'],
    ['http/transport.ts', 'export { AxiosError } from "axios";', ' at run time'],
    ['token/token.ts', 'import type { AxiosInstance } from "axios";', ''],
    ['testing/server.ts', 'import { AxiosHeaders } from "axios/unsafe/core/AxiosHeaders.js";', ' at run time'],
  ])('finds axios where it does not belong: %s with %s', (path, text, how) => {
    expect(breachesOf({ [path]: text }, ['axios'])).toEqual([
      `${path} imports axios${how}: only transport and faces may`,
    ]);
  });

  it('finds a package that is loaded at the start, and need not be', () => {
    const packages = ['jose', 'openid-client'];
    expect(breachesOf({ 'providers/a.ts': 'import { SignJWT } from "jose";' }, packages)).toEqual([
      "providers/a.ts imports jose at the start: load it when it is used, by await import('jose')",
    ]);
    const tree = { 'providers/a.ts': 'import type { JWK } from "jose"; const loaded = import("openid-client");' };
    expect(breachesOf(tree, packages)).toEqual([]);
  });

  it('finds a package that users need not have', () => {
    expect(breachesOf({ 'storage/redis.ts': 'import type { Keyv } from "keyv";' }, ['axios'])).toEqual([
      'storage/redis.ts imports keyv, which users need not have',
    ]);
  });

  it.each(['utils', 'common', 'interfaces', 'types', 'helpers'])(
    'finds a folder "%s", at the top and below',
    (folder) => {
      for (const path of [`${folder}/a.ts`, `http/${folder}/a.ts`]) {
        expect(breachesOf({ [path]: '' })).toEqual([
          `${path} stands in a folder "${folder}": a type lives with its concept`,
        ]);
      }
    },
  );

  it('finds a folder and a file without a layer, by name', () => {
    expect(breachesOf({ 'grants/a.ts': '', 'tools.ts': '' })).toEqual([
      'grants/a.ts stands in the folder "grants", which has no layer',
      'tools.ts has no layer: only what LAYER_OF_FILE lists stands here',
    ]);
  });

  it('finds a second barrel', () => {
    expect(breachesOf({ 'token/index.ts': 'export { Token } from "./token.js";' })).toEqual([
      'token/index.ts is a second barrel',
    ]);
  });

  it.each([
    'export * from "./errors.js";',
    'export * as errors from "./errors.js";',
    'export type * from "./errors.js";',
  ])('finds %s', (text) => {
    expect(breachesOf({ 'index.ts': text })).toEqual(['index.ts has an "export *": name each export']);
  });

  it('finds an import out of src', () => {
    expect(breachesOf({ 'errors.ts': 'import "../test/support/server.js";' })).toEqual([
      'errors.ts imports ../test/support/server.ts, outside src',
    ]);
  });

  it.each(['index.ts', 'testing/server.ts'])('finds %s importing a sub-entry', (path) => {
    const specifier = path === 'index.ts' ? './terminus/health.js' : '../terminus/health.js';
    expect(breachesOf({ [path]: `import "${specifier}";` })).toEqual([
      `${path} imports terminus/health.ts, which is an entry of its own`,
    ]);
  });
});
