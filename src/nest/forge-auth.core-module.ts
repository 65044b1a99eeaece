import {
  Global,
  Inject,
  type MiddlewareConsumer,
  Module,
  type NestModule,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { type AmbientContext, joinContext } from '../auth/caller.js';
import { handledRequests } from './fastify-requests.js';
import { ForgeAuthEvents } from './forge-auth.events.js';
import { ForgeAuthRegistry } from './forge-auth.registry.js';
import { ForgeAuthService } from './forge-auth.service.js';
import { ForgeRequestContext } from './forge-request-context.js';

/** Every path, in the words that Express 5 and Fastify 5 share. */
const EVERY_PATH = '{*path}';

/** One per application, found by every `forRoot()` and `forFeature()`, however deep. */
@Global()
@Module({
  providers: [ForgeAuthRegistry, ForgeAuthService, ForgeAuthEvents],
  exports: [ForgeAuthRegistry, ForgeAuthService, ForgeAuthEvents],
})
export class ForgeAuthCoreModule implements NestModule, OnModuleInit, OnApplicationShutdown {
  readonly #registry: ForgeAuthRegistry;
  readonly #modules: ModulesContainer;
  readonly #http: HttpAdapterHost;
  #leave: (() => void)[] = [];

  constructor(
    @Inject(ForgeAuthRegistry) registry: ForgeAuthRegistry,
    @Inject(ModulesContainer) modules: ModulesContainer,
    @Inject(HttpAdapterHost) http: HttpAdapterHost,
  ) {
    this.#registry = registry;
    this.#modules = modules;
    this.#http = http;
  }

  configure(consumer: MiddlewareConsumer): void {
    const { requestContext = false } = this.#registry.rootOptions;
    if (requestContext === false) return;
    const options = requestContext === true ? {} : requestContext;
    const handled = options.subject === undefined ? undefined : handledRequests(this.#http.httpAdapter);
    const context = new ForgeRequestContext(options, handled);
    consumer.apply(context.use.bind(context)).forRoutes(EVERY_PATH);
  }

  onModuleInit(): void {
    this.#leave = [...new Set(this.#clsServices())].map((service) => joinContext(service));
  }

  onApplicationShutdown(): void {
    for (const leave of this.#leave.splice(0)) leave();
  }

  /** The services of `nestjs-cls`, found by name: the package is the app's, and need not be there. */
  #clsServices(): AmbientContext[] {
    return [...this.#modules.values()]
      .flatMap((module) => [...module.providers.values()])
      .filter(({ name }) => name === 'ClsService')
      .map(({ instance }) => instance as Partial<AmbientContext> | undefined)
      .filter((instance): instance is AmbientContext => {
        const methods = ['isActive', 'get', 'set', 'run'] as const;
        return methods.every((method) => typeof instance?.[method] === 'function');
      });
  }
}
