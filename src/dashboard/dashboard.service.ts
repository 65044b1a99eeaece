import { ownJson } from '../option-check/own-json.js';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { ForgeAuthState, ServiceState } from '../application/state.js';
import { systemClock, timeoutSignal } from '../clock.js';
import { isForgeAuthError } from '../errors.js';
import { ForgeAuthRegistry } from '../nest/forge-auth.registry.js';
import { DashboardHistory, type ServiceHistory } from './dashboard-history.js';
import { DashboardStreams } from './dashboard-streams.js';

/** Injection token of the most streams that may be open. */
export const MAX_STREAMS = 'FORGE_AUTH_DASHBOARD_MAX_STREAMS';

/** Longest time that a page waits for an action: a flow that needs a person may take minutes. The flow itself goes on if others wait for it. */
const PATIENCE_MS = 15_000;

/** Action on a service's token. */
export type DashboardAction = 'renew' | 'invalidate' | 'warm-up';

/** Result of an action. Holds no secret. */
export type ActionResult =
  | { readonly outcome: 'done' }
  | { readonly outcome: 'failed'; readonly code: string }
  | { readonly outcome: 'unknown_service' | 'unknown_action' };

/** State that the page shows. */
interface DashboardState extends ForgeAuthState {
  readonly services: readonly (ServiceState & { readonly history: ServiceHistory })[];
}

/** State and actions of the dashboard. */
@Injectable()
export class DashboardService implements OnModuleDestroy {
  readonly #registry: ForgeAuthRegistry;
  readonly #history = new DashboardHistory();
  readonly #leave: () => void;
  readonly streams: DashboardStreams;

  constructor(@Inject(ForgeAuthRegistry) registry: ForgeAuthRegistry, @Inject(MAX_STREAMS) maxStreams: number) {
    this.#registry = registry;
    this.streams = new DashboardStreams(() => ownJson(this.state()), maxStreams);
    this.#leave = registry.observer.watch({
      event: (event) => {
        this.#history.event(event);
        this.streams.changed();
      },
    });
  }

  onModuleDestroy(): void {
    this.#leave();
    this.streams.close();
  }

  /** Returns the state of every service, with its history of the last hour. */
  state(): DashboardState {
    const state = this.#registry.describe();
    const services = state.services.map((service) => ({
      ...service,
      history: this.#history.of(service.name, state.at),
    }));
    return { ...state, services };
  }

  /** Does something to the token of a service. */
  async act(service: string, action: string): Promise<ActionResult> {
    const known = this.#registry.describe().services.some(({ name, token }) => name === service && token !== undefined);
    if (!known) return { outcome: 'unknown_service' };
    const tokens = this.#registry.tokens(service);
    const patience = timeoutSignal(systemClock, PATIENCE_MS);
    const actions: Readonly<Record<DashboardAction, () => Promise<unknown>>> = {
      renew: async () => (await tokens.ready()).for().forceRefresh(patience),
      invalidate: () => tokens.invalidate(),
      'warm-up': async () => (await tokens.ready()).for().get(patience),
    };
    if (!Object.hasOwn(actions, action)) return { outcome: 'unknown_action' };
    try {
      await actions[action as DashboardAction]();
      return { outcome: 'done' };
    } catch (error) {
      if (patience.aborted) return { outcome: 'failed', code: 'FORGE_AUTH_TIMEOUT' };
      return { outcome: 'failed', code: isForgeAuthError(error) ? error.code : 'unknown' };
    } finally {
      this.streams.changed();
    }
  }
}
