import type { ClientMetadata, Configuration } from 'oidc-provider';
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from '../support/authorization-server.js';

/** The client that people sign in with. */
export const APP = {
  clientId: 'calendar-app',
  clientSecret: 'calendar-app-secret-that-is-long-enough',
  redirectUri: 'http://127.0.0.1:3999/callback',
} as const;

/** An authorization server where a browser signs in without being asked: as whoever `login_hint` names. */
export interface PeopleServer extends AuthorizationServer {
  /** Does what a browser does: goes to a URL of the server, consents, and returns where it is sent back to. */
  visit(url: string): Promise<string>;
  /** Does what a person does with the code of a device: opens its address, confirms, signs in and consents. */
  confirmDevice(verificationUriComplete: string): Promise<void>;
  /** Whoever was asked on a device of their own (CIBA), by `login_hint`, and has not answered. */
  readonly asked: readonly string[];
  /** Has whoever was asked consent, or refuse. */
  answer(loginHint: string, consents: boolean): Promise<void>;
}

export interface PeopleServerOptions extends AuthorizationServerOptions {
  client?: Partial<ClientMetadata>;
  features?: NonNullable<Configuration['features']>;
}

const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';
const CIBA = 'urn:openid:params:grant-type:ciba';

/** Starts `oidc-provider` with people, consents and rotating refresh tokens. */
export async function startPeopleServer(options: PeopleServerOptions = {}): Promise<PeopleServer> {
  const asked = new Map<string, object>();
  const server = await startAuthorizationServer({
    rotateRefreshTokens: true,
    ...options,
    clients: [
      {
        client_id: APP.clientId,
        client_secret: APP.clientSecret,
        redirect_uris: [APP.redirectUri],
        response_types: ['code'],
        grant_types: ['authorization_code', 'refresh_token', DEVICE_CODE, CIBA],
        backchannel_token_delivery_mode: 'poll',
        ...options.client,
      },
    ],
    configure: (configuration) => ({
      ...configuration,
      ...options.configure?.(configuration),
      // Everybody who comes signs in and consents at once.
      features: {
        ...configuration.features,
        devInteractions: { enabled: false },
        rpInitiatedLogout: { enabled: true },
        pushedAuthorizationRequests: { enabled: false },
        deviceFlow: {
          enabled: true,
          userCodeConfirmSource: async (ctx, form) => void (ctx.body = form),
          successSource: async (ctx) => void (ctx.body = 'Done.'),
        },
        ciba: {
          enabled: true,
          deliveryModes: ['poll'],
          processLoginHint: async (_ctx, hint) => hint,
          triggerAuthenticationDevice: async (_ctx, request, account) => void asked.set(account.accountId, request),
          validateBindingMessage: async () => undefined,
          validateRequestContext: async () => undefined,
          verifyUserCode: async () => undefined,
        },
        ...options.features,
      } as NonNullable<Configuration['features']>,
      ttl: {
        ...configuration.ttl,
        Interaction: 600,
        Session: 3_600,
        DeviceCode: 600,
        BackchannelAuthenticationRequest: 600,
      },
      pkce: { required: () => true },
      issueRefreshToken: async (_ctx, client, code) =>
        client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
      interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    }),
  });
  const answer = server.server.handler;
  server.server.handler = async (request, response) => {
    const uid = /^\/interaction\/([\w-]+)$/.exec(request.path)?.[1];
    if (uid === undefined) return answer(request, response);
    const raw = request.replay();
    const { params } = await server.provider.interactionDetails(raw, response);
    const accountId = String(params['login_hint'] ?? 'alice');
    const grant = await consentOf(accountId, String(params['client_id'])).save();
    const result = { login: { accountId }, consent: { grantId: grant } };
    await server.provider.interactionFinished(raw, response, result, { mergeWithLastSubmission: false });
  };
  function consentOf(accountId: string, clientId: string): InstanceType<typeof server.provider.Grant> {
    const grant = new server.provider.Grant({ clientId, accountId });
    grant.addOIDCScope('openid offline_access read write');
    return grant;
  }
  const people = {
    visit: (url: string) => visit(url, server.issuer),
    confirmDevice: (url: string) => confirmDevice(url, server.issuer),
    async answer(loginHint: string, consents: boolean): Promise<void> {
      const request = asked.get(loginHint) as never;
      asked.delete(loginHint);
      const { errors } = await import('oidc-provider');
      const grant = consentOf(loginHint, APP.clientId);
      await grant.save();
      await server.provider.backchannelResult(request, consents ? grant : new errors.AccessDenied());
    },
  };
  const started = Object.assign(server, people);
  return Object.defineProperty(started, 'asked', { get: () => [...asked.keys()] }) as typeof started & PeopleServer;
}

/** Goes where redirects lead, as far as the server's own addresses go. */
async function visit(start: string, origin: string): Promise<string> {
  const { url, page } = await new Browser(origin).go(start);
  if (page !== undefined) throw new Error(`No redirect from ${new URL(url).pathname}: ${page}`);
  return url;
}

/** Submits the forms of the pages that come, as long as there are any. */
async function confirmDevice(start: string, origin: string): Promise<void> {
  const browser = new Browser(origin);
  let { page = '' } = await browser.go(start);
  for (let pages = 0; /<form/.test(page); pages += 1) {
    if (pages === 3) throw new Error('Too many forms.');
    const [, action = ''] = /<form[^>]* action="([^"]+)"/.exec(page) ?? [];
    const inputs = [...page.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)];
    const body = new URLSearchParams(inputs.map(([, name = '', value = '']): [string, string] => [name, value]));
    ({ page = '' } = await browser.go(action, { method: 'POST', body }));
  }
  if (!page.includes('Done.')) throw new Error(`The device was not confirmed: ${page}`);
}

/** As much of a browser as signing in takes: cookies and redirects. */
class Browser {
  readonly #origin: string;
  readonly #cookies = new Map<string, string>();

  constructor(origin: string) {
    this.#origin = origin;
  }

  /** Where it ends up: at a page, or at an address that is not the server's. */
  async go(start: string, init: RequestInit = {}): Promise<{ url: string; page?: string }> {
    let url = start;
    let request = init;
    for (let hops = 0; hops < 10; hops += 1) {
      if (!url.startsWith(this.#origin)) return { url };
      const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const response = await fetch(url, { ...request, redirect: 'manual', headers: { cookie } });
      for (const line of response.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
        this.#cookies.set(name, value);
      }
      const location = response.headers.get('location');
      if (location === null) return { url, page: `${response.status} ${await response.text()}` };
      [url, request] = [new URL(location, url).href, {}];
    }
    throw new Error('Too many redirects.');
  }
}
