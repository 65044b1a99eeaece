import { json, send } from '../support/answer.js';
import type { RecordedRequest } from '../support/recorded-request.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';

/** An issuer of three tokens, each of which needs the one before in its own header. */
export interface ChainIssuer {
  readonly origin: string;
  readonly server: RecordingServer;
  /** Requests by endpoint: device, app, user. */
  readonly counts: readonly [number, number, number];
  /** Lifetimes in seconds; null: none is given. */
  readonly lifetimes: { app: number | null; user: number | null };
  /** Answers next instead of a token, by endpoint. */
  readonly failures: Map<string, { status: number; body?: unknown }[]>;
  isValid(token: string): boolean;
  revoke(kind: 'device' | 'app' | 'user'): void;
  close(): Promise<void>;
}

/** Starts the issuer. */
export async function startChainIssuer(): Promise<ChainIssuer> {
  const valid = { device: new Set<string>(), app: new Set<string>(), user: new Set<string>() };
  const lifetimes: ChainIssuer['lifetimes'] = { app: 3600, user: null };
  const failures = new Map<string, { status: number; body?: unknown }[]>();
  let serial = 0;
  const issue = (kind: keyof typeof valid): string => {
    const token = `${kind}-token-${(serial += 1)}`;
    valid[kind].add(token);
    return token;
  };
  const server = await startServer((request: RecordedRequest, response) => {
    const failure = failures.get(request.path)?.shift();
    if (failure !== undefined) return json(response, failure.status, failure.body ?? { error: 'server_error' });
    const header = (name: string): string => String(request.headers[name] ?? '');
    if (request.path === '/v1/device/register') {
      if (header('x-device-id') === '') return json(response, 400, { error: 'invalid_request' });
      return send(response, 200, '', { 'X-Device-Token': issue('device') });
    }
    if (request.path === '/v1/app/token') {
      const device = header('x-device-token');
      if (device !== '' && !valid.device.has(device)) return json(response, 401, { error: 'invalid_token' });
      return json(response, 200, { access_token: issue('app'), expires_in: lifetimes.app });
    }
    if (request.path === '/v1/user/token') {
      if (!valid.app.has(header('x-app-token'))) return json(response, 401, { error: 'invalid_token' });
      return json(response, 200, { access_token: issue('user'), expires_in: lifetimes.user });
    }
    return json(response, 404, {});
  });
  return {
    origin: server.origin,
    server,
    lifetimes,
    failures,
    get counts() {
      return [server.count('/v1/device'), server.count('/v1/app'), server.count('/v1/user')] as const;
    },
    isValid: (token) => valid.user.has(token),
    revoke: (kind) => valid[kind].clear(),
    close: () => server.close(),
  };
}
