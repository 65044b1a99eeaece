import { variableInEitherCase } from '../http/environment.js';
import { Agent, buildConnector, type Dispatcher, EnvHttpProxyAgent, ProxyAgent } from 'undici';
import type { HttpRequest } from '../http/http-request.js';
import { guardedOptions } from '../option-check/guarded-callbacks.js';
import { NOT_INHERITED_BY_CONNECTORS, withoutInherited } from './not-inherited.js';
import { counting } from './counting-connector.js';
import type { UndiciTransportOptions } from './undici.transport.options.js';

/** Connections that a transport's requests go out on. */
export interface Connections {
  /** Connections opened so far. */
  readonly count: number;
  for(request: HttpRequest): Dispatcher;
  /** Lets go of a dispatcher that was made for one request. */
  release(dispatcher: Dispatcher): void;
  close(): Promise<void>;
}

/** Those of a dispatcher that the app has made: it stays open, and says nothing of fresh connections. */
export function givenConnections(dispatcher: Dispatcher): Connections {
  let count = 0;
  dispatcher.on?.('connect', () => (count += 1));
  return {
    get count() {
      return count;
    },
    for: () => dispatcher,
    release: () => undefined,
    close: async () => undefined,
  };
}

/** Those of a transport's own, opened on first use. */
export function connectionsOf(options: UndiciTransportOptions): Connections {
  const {
    proxy,
    tls,
    connect: given,
    maxContentLength: _ofAnswers,
    ...rest
  } = guardedOptions(options, 'UndiciTransport: ');
  const connect = typeof given === 'object' ? guardedOptions(given, 'UndiciTransport: connect.') : given;
  let count = 0;
  const connecting = {
    ...NOT_INHERITED_BY_CONNECTORS,
    allowH2: options.allowH2 ?? false,
    ...tls,
    ...connect,
  } as unknown as buildConnector.BuildOptions;
  const connector = typeof connect === 'function' ? (connect as buildConnector.connector) : buildConnector(connecting);
  const direct = withoutInherited({ ...rest, connect: connector }, (each) =>
    counting(each, () => (count += 1)),
  ) as Agent.Options;
  const behindProxy = {
    ...direct,
    requestTls: { ...NOT_INHERITED_BY_CONNECTORS, ...tls },
    proxyTls: NOT_INHERITED_BY_CONNECTORS,
    proxyTunnel: false,
  };
  let common: Route | undefined;

  const open = (): Route => routeOf(proxy, direct, behindProxy);
  const pick = (route: Route, { url }: HttpRequest): Dispatcher =>
    url.startsWith('https:') ? route.https : route.http;

  return {
    get count() {
      return count;
    },
    for: (request) => pick(request.freshConnection === true ? open() : (common ??= open()), request),
    release: (dispatcher) => {
      if (dispatcher !== common?.http && dispatcher !== common?.https) void dispatcher.close().catch(() => undefined);
    },
    close: async () => {
      const route = common;
      common = undefined;
      if (route !== undefined) await Promise.all([...new Set([route.http, route.https])].map((each) => each.destroy()));
    },
  };
}

interface Route {
  readonly http: Dispatcher;
  readonly https: Dispatcher;
}

function routeOf(proxy: UndiciTransportOptions['proxy'], direct: Agent.Options, behindProxy: Agent.Options): Route {
  if (proxy === false) return both(new Agent(direct));
  if (proxy !== undefined) return both(new ProxyAgent({ ...behindProxy, uri: String(proxy) } as ProxyAgent.Options));
  const [httpProxy, httpsProxy] = [proxyFromEnvironment('http'), proxyFromEnvironment('https')];
  const noProxy = variableInEitherCase('no_proxy') ?? '';
  // With all of them given, undici reads none of the environment itself.
  const through = (url: string): Dispatcher =>
    new EnvHttpProxyAgent({ ...behindProxy, httpProxy: url, httpsProxy: url, noProxy });
  const http = httpProxy === undefined ? new Agent(direct) : through(httpProxy);
  if (httpProxy === httpsProxy) return both(http);
  // Without one of its own, undici would send https through the proxy of http.
  const https = httpsProxy === undefined ? new Agent(direct) : through(httpsProxy);
  return { http, https };
}

function both(dispatcher: Dispatcher): Route {
  return { http: dispatcher, https: dispatcher };
}

function proxyFromEnvironment(scheme: 'http' | 'https'): string | undefined {
  return variableInEitherCase(`${scheme}_proxy`) ?? variableInEitherCase('all_proxy');
}
