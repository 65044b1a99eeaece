import type { InjectionToken } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';

type Registered =
  ModulesContainer extends Map<string, { providers: Map<InjectionToken, infer Wrapper> }> ? Wrapper : never;

/**
 * Providers that the modules of an app register under tokens that begin alike, found by one look at all modules: an app may have
 * thousands of them, and ask for as many tokens.
 */
export class RegisteredProviders {
  readonly #modules: ModulesContainer;
  readonly #prefix: string;
  #found: Map<string, Registered[]> | undefined;

  constructor(modules: ModulesContainer, prefix: string) {
    this.#modules = modules;
    this.#prefix = prefix;
  }

  /** Returns another instance under a token than `ours`, if there is one; what is made anew for each request is none. */
  otherThan(token: string, ours: unknown): unknown {
    this.#found ??= this.#find();
    for (const registered of this.#found.get(token) ?? []) {
      const { instance } = registered as { instance: unknown };
      if (instance === undefined || instance === null || instance === ours) continue;
      if (!registered.isTransient && registered.isDependencyTreeStatic()) return instance;
    }
    return undefined;
  }

  #find(): Map<string, Registered[]> {
    const found = new Map<string, Registered[]>();
    for (const { providers } of this.#modules.values()) {
      for (const [token, registered] of providers) {
        if (typeof token !== 'string' || !token.startsWith(this.#prefix)) continue;
        const known = found.get(token);
        if (known === undefined) found.set(token, [registered]);
        else known.push(registered);
      }
    }
    return found;
  }
}
