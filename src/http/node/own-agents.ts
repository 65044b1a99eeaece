import * as http from 'node:http';
import * as https from 'node:https';
import { FreshTlsAgent } from './fresh-tls.agent.js';
import { ownSocketOptions } from './not-inherited.js';
import type { TlsSource } from '../tls-options.js';

/** Opens a connection, as agents do. */
interface Connecting {
  createConnection(options: object, connected: (error: Error | null, socket?: unknown) => void): unknown;
}

/** Named for each connection, not among the agent's options: of these Node makes a copy for each request. */
class OwnHttpAgent extends http.Agent {
  override createConnection(...[options, connected]: Parameters<Connecting['createConnection']>): undefined {
    const { createConnection } = http.Agent.prototype as unknown as Connecting;
    return createConnection.call(this, ownSocketOptions(options), connected) as undefined;
  }
}

class OwnHttpsAgent extends https.Agent {
  override createConnection(...[options, connected]: Parameters<Connecting['createConnection']>): undefined {
    const { createConnection } = https.Agent.prototype as unknown as Connecting;
    return createConnection.call(this, ownSocketOptions(options), connected) as undefined;
  }
}

/** Kinds of agents that can be made again of their options: Node keeps these, though its types do not say so. */
const COPIED: ReadonlySet<unknown> = new Set([http.Agent, https.Agent, OwnHttpAgent, OwnHttpsAgent]);

/** Opens each connection as another agent does (through a proxy, say), and keeps none. */
class OpeningAgent extends http.Agent {
  readonly createSocket: unknown;

  constructor(opener: http.Agent & { createSocket(...given: unknown[]): unknown }) {
    super({ keepAlive: false });
    this.createSocket = opener.createSocket.bind(opener);
    // Node compares it with the request's.
    Object.assign(this, { protocol: (opener as { protocol?: unknown }).protocol });
  }
}

/** Returns an agent that opens connections in the same way, and keeps none; one that is none of Node's kind as it is. */
export function withoutKeepAlive<A>(agent: A): A {
  if (!(agent instanceof http.Agent)) return agent;
  if (!COPIED.has(agent.constructor)) return new OpeningAgent(agent as never) as A;
  const { constructor: Kind, options } = agent as unknown as {
    readonly constructor: new (options: object) => A;
    readonly options: object;
  };
  return new Kind({ ...options, keepAlive: false });
}

/** An agent whose connections take no option from `Object.prototype`. */
export function ownHttpAgent(options: http.AgentOptions): http.Agent {
  return new OwnHttpAgent(options);
}

/** As {@link ownHttpAgent}, over TLS. */
export function ownHttpsAgent(options: https.AgentOptions, tls: TlsSource | undefined): https.Agent {
  return typeof tls === 'function' ? new FreshTlsAgent(options, tls) : new OwnHttpsAgent({ ...options, ...tls });
}
