import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { serve } from './server.js';

/** The steps of a token, in the order in which they build on each other. */
export const STEPS = ['device', 'app', 'user'] as const;
type Step = (typeof STEPS)[number];

/** An issuer of no standard: three calls, each of which wants the token of the one before in a header of its own. */
export interface DeviceIssuer {
  readonly origin: string;
  /** Tokens of a step that were given out since the last `forget()`. */
  issued(step: Step): number;
  isValid(userToken: string): boolean;
  /** Takes back all tokens of a step, and of those that were made from them. */
  revoke(step: Step): void;
  forget(): void;
  close(): Promise<void>;
}

const ENDPOINTS: Readonly<Record<string, Step>> = {
  '/v1/device/register': 'device',
  '/v1/app/token': 'app',
  '/v1/user/token': 'user',
};

/** Starts the issuer. It knows one device. */
export async function startDeviceIssuer(deviceId: string): Promise<DeviceIssuer> {
  const valid: Record<Step, Set<string>> = { device: new Set(), app: new Set(), user: new Set() };
  let issued: Step[] = [];
  const isAllowed: Record<Step, (request: IncomingMessage) => boolean> = {
    device: ({ headers }) => headers['x-device-id'] === deviceId,
    app: ({ headers }) => valid.device.has(String(headers['x-device-token'])),
    user: ({ headers }) => valid.app.has(String(headers['x-app-token'])),
  };
  const server = await serve(() => (request, response) => {
    const step = ENDPOINTS[request.url ?? ''];
    if (step === undefined) return void response.writeHead(404).end();
    if (!isAllowed[step](request)) return void response.writeHead(401).end();
    const token = randomUUID();
    valid[step].add(token);
    issued.push(step);
    const inHeader = step === 'device' ? { 'x-device-token': token } : {};
    const body = step === 'device' ? '' : JSON.stringify({ access_token: token, expires_in: 3600 });
    response.writeHead(200, { 'content-type': 'application/json', ...inHeader }).end(body);
  });
  return {
    origin: server.origin,
    issued: (step) => issued.filter((other) => other === step).length,
    isValid: (userToken) => valid.user.has(userToken),
    revoke: (step) => STEPS.slice(STEPS.indexOf(step)).forEach((affected) => valid[affected].clear()),
    forget() {
      issued = [];
    },
    close: () => server.close(),
  };
}
