// Runs a Nest app that has nestjs-cls in a process of its own: Jest cannot load that package on Node 20. See cls.spec.ts.
import 'reflect-metadata';
import { inspect } from 'node:util';
import { Controller, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { ExpressAdapter } from '@nestjs/platform-express';
import { ClsModule, ClsService } from 'nestjs-cls';

const { entry, platform, place } = JSON.parse(process.env.WITH_CLS);
const { ForgeAuthModule, ForgeRequestContext } = await import(entry);

class Me {
  me() {
    return { token: ForgeRequestContext.bearerToken() ?? null };
  }
}
Controller()(Me);
Post('me')(Me.prototype, 'me', Object.getOwnPropertyDescriptor(Me.prototype, 'me'));

class App {}
const imports = [ForgeAuthModule.forRoot({ requestContext: true })];
const cls = ClsModule.forRoot({ global: true, middleware: { mount: true } });
if (place === 'before') imports.unshift(cls);
else imports.push(cls);
Module({ imports, controllers: [Me] })(App);

const adapter = platform === 'fastify' ? new FastifyAdapter() : new ExpressAdapter();
const app = await NestFactory.create(App, adapter, { logger: false });
await app.listen(0, '127.0.0.1');
const headers = { authorization: 'Bearer inbound', 'content-type': 'application/json' };
const answer = await fetch(`${await app.getUrl()}/me`, { method: 'POST', headers, body: '{}' });
const { token } = await answer.json();

// A store of theirs that is carried elsewhere, as from a request to a queue, brings its caller along.
const service = app.get(ClsService);
const store = service.run(() => ForgeRequestContext.run({ bearerToken: 'carried' }, () => service.get()));
const carried = service.runWith(store, () => ForgeRequestContext.bearerToken());
const nested = service.runWith(store, () =>
  ForgeRequestContext.run({ bearerToken: 'inner' }, ForgeRequestContext.bearerToken),
);
const after = service.runWith(store, () => ForgeRequestContext.bearerToken());
const shown = inspect(store, { depth: 9, showHidden: true }) + JSON.stringify(store);
await app.close();
const closed = service.runWith(store, () => ForgeRequestContext.bearerToken()) ?? null;
process.stdout.write(JSON.stringify({ token, carried, nested, after, leaked: shown.includes('carried'), closed }));
