import { generateKeyPairSync } from 'node:crypto';
import {
  ClientCredentialsTokenProvider,
  createForgeClient,
  type TokenAuthOptions,
  JwtBearerTokenProvider,
  RefreshTokenProvider,
  type TokenProvider,
} from 'nestjs-forge-auth';
import * as presets from 'nestjs-forge-auth/presets';
import { json } from '../support/answer.js';
import { startServer } from '../support/recording-server.js';

const client = { clientId: 'app', clientSecret: 's3cret/+' };
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;

/** Request to a provider, as its documentation writes it, and the provider's answer. */
interface Documented {
  /** The preset's options, with the address of the test's server in place of the provider's. */
  readonly provider: (at: (url: string) => string) => TokenProvider;
  readonly path: string;
  readonly status?: number;
  readonly answer: object;
  readonly form?: Record<string, string>;
  readonly json?: Record<string, unknown>;
  readonly authorization?: string | RegExp;
  readonly service?: Pick<TokenAuthOptions, 'headerName' | 'scheme'>;
  readonly header?: [string, string];
}

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
const raw = basic(`${client.clientId}:${client.clientSecret}`);

const DOCUMENTED: Record<string, Documented> = {
  cognito: {
    provider: (at) =>
      new ClientCredentialsTokenProvider(
        moved(presets.cognito({ domain: 'acme', region: 'eu-central-1', scope: 'orders/read', ...client }), at),
      ),
    path: 'https://acme.auth.eu-central-1.amazoncognito.com/oauth2/token',
    answer: { access_token: 'T', expires_in: 3600, token_type: 'Bearer' },
    form: { grant_type: 'client_credentials', scope: 'orders/read' },
  },
  salesforce: {
    provider: (at) =>
      new ClientCredentialsTokenProvider(
        moved(presets.salesforce({ domain: 'acme.my.salesforce.com', ...client }), at),
      ),
    path: 'https://acme.my.salesforce.com/services/oauth2/token',
    answer: {
      access_token: 'T',
      instance_url: 'https://acme.my.salesforce.com',
      issued_at: '1764100000000',
      token_type: 'Bearer',
    },
    form: { grant_type: 'client_credentials' },
  },
  servicenow: {
    provider: (at) =>
      new ClientCredentialsTokenProvider(moved(presets.servicenow({ instance: 'acme', ...client }), at)),
    path: 'https://acme.service-now.com/oauth_token.do',
    answer: { access_token: 'T', scope: 'useraccount', token_type: 'Bearer', expires_in: 1799 },
    form: { grant_type: 'client_credentials', client_id: 'app', client_secret: 's3cret/+' },
  },
  paypal: {
    provider: (at) => new ClientCredentialsTokenProvider(moved(presets.paypal({ sandbox: true, ...client }), at)),
    path: 'https://api-m.sandbox.paypal.com/v1/oauth2/token',
    answer: {
      scope: 'https://uri.paypal.com/services/invoicing',
      access_token: 'T',
      token_type: 'Bearer',
      app_id: 'APP-1',
      expires_in: 31668,
      nonce: 'n',
    },
    form: { grant_type: 'client_credentials' },
    authorization: raw,
  },
  zoom: {
    provider: (at) => new ClientCredentialsTokenProvider(moved(presets.zoom({ accountId: 'acc', ...client }), at)),
    path: 'https://zoom.us/oauth/token',
    answer: {
      access_token: 'T',
      token_type: 'bearer',
      expires_in: 3599,
      scope: 'user:read:admin',
      api_url: 'https://api.zoom.us',
    },
    form: { grant_type: 'account_credentials', account_id: 'acc' },
    authorization: /^Basic /,
  },
  'slack, a bot': {
    provider: (at) => new RefreshTokenProvider(moved(presets.slack({ refreshToken: 'xoxe-1-old', ...client }), at)),
    path: 'https://slack.com/api/oauth.v2.access',
    answer: { ok: true, access_token: 'T', expires_in: 43200, refresh_token: 'xoxe-1-new', token_type: 'bot' },
    form: { grant_type: 'refresh_token', refresh_token: 'xoxe-1-old', client_id: 'app', client_secret: 's3cret/+' },
  },
  'slack, a user': {
    provider: (at) =>
      new RefreshTokenProvider(moved(presets.slack({ token: 'user', refreshToken: 'xoxe-1-old', ...client }), at)),
    path: 'https://slack.com/api/oauth.v2.access',
    answer: {
      ok: true,
      authed_user: { id: 'U1', access_token: 'T', expires_in: 43200, refresh_token: 'xoxe-1-new', token_type: 'user' },
    },
  },
  githubApp: {
    provider: (at) =>
      new JwtBearerTokenProvider(
        moved(
          presets.githubApp({ appId: 123, installationId: 456, privateKey: pem, permissions: { contents: 'read' } }),
          at,
        ),
      ),
    path: 'https://api.github.com/app/installations/456/access_tokens',
    status: 201,
    answer: {
      token: 'T',
      expires_at: new Date(Date.now() + 3_600_000).toISOString(),
      permissions: { contents: 'read' },
      repository_selection: 'all',
    },
    json: { permissions: { contents: 'read' } },
    authorization: /^Bearer ey/,
  },
  atlassian: {
    provider: (at) => new RefreshTokenProvider(moved(presets.atlassian({ refreshToken: 'R', ...client }), at)),
    path: 'https://auth.atlassian.com/oauth/token',
    answer: { access_token: 'T', refresh_token: 'R2', expires_in: 3600, scope: 'read:jira-work offline_access' },
    json: { grant_type: 'refresh_token', refresh_token: 'R', client_id: 'app', client_secret: 's3cret/+' },
  },
  shopify: {
    provider: (at) => new ClientCredentialsTokenProvider(moved(presets.shopify({ shop: 'acme', ...client }), at)),
    path: 'https://acme.myshopify.com/admin/oauth/access_token',
    answer: { access_token: 'T', scope: 'write_products', expires_in: 86399 },
    form: { grant_type: 'client_credentials', client_id: 'app', client_secret: 's3cret/+' },
    service: { headerName: 'X-Shopify-Access-Token', scheme: '' },
    header: ['x-shopify-access-token', 'T'],
  },
  docusign: {
    provider: (at) =>
      new JwtBearerTokenProvider(
        moved(presets.docusign({ integrationKey: 'ik', userId: 'u', privateKey: pem, demo: true }), at),
      ),
    path: 'https://account-d.docusign.com/oauth/token',
    answer: { access_token: 'T', token_type: 'Bearer', expires_in: 28800, scope: 'signature' },
    form: { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer' },
  },
  google: {
    provider: (at) =>
      new JwtBearerTokenProvider(
        moved(presets.google({ key: serviceAccount(), scope: 'https://www.googleapis.com/auth/drive' }), at),
      ),
    path: 'https://oauth2.googleapis.com/token',
    answer: {
      access_token: 'T',
      scope: 'https://www.googleapis.com/auth/drive',
      token_type: 'Bearer',
      expires_in: 3600,
    },
    form: { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer' },
  },
  apigee: {
    provider: (at) =>
      new ClientCredentialsTokenProvider(moved(presets.apigee({ domain: 'acme-prod.apigee.net', ...client }), at)),
    path: 'https://acme-prod.apigee.net/oauth/client_credential/accesstoken?grant_type=client_credentials',
    answer: {
      issued_at: '1420262924658',
      expires_in: '1799',
      access_token: 'T',
      token_type: 'BearerToken',
      status: 'approved',
    },
  },
};

/** Moves every address to the test's server, and sees to it that it was the documented one. */
function moved<T extends { tokenUrl: string }>(options: T, at: (url: string) => string): T {
  return { ...options, tokenUrl: at(options.tokenUrl) };
}

function serviceAccount(): string {
  return JSON.stringify({
    type: 'service_account',
    private_key_id: 'key-1',
    private_key: pem,
    client_email: 'app@acme.iam.gserviceaccount.com',
    token_uri: 'https://oauth2.googleapis.com/token',
  });
}

const toClose: { close(): Promise<void> }[] = [];

function closeLater<T extends { close(): Promise<void> }>(closable: T): T {
  toClose.unshift(closable);
  return closable;
}

describe('presets', () => {
  afterEach(async () => {
    for (const closable of toClose.splice(0)) await closable.close();
  });

  it.each(Object.entries(DOCUMENTED))('obtains a token of %s and calls with it', async (_name, documented) => {
    const asked: string[] = [];
    const server = closeLater(
      await startServer((request, response) =>
        request.path.startsWith('/api')
          ? json(response, 200, {})
          : json(response, documented.status ?? 200, documented.answer),
      ),
    );
    const at = (url: string): string => {
      asked.push(url);
      const { pathname, search } = new URL(url);
      return `${server.origin}/token${pathname}${search}`;
    };
    const forge = closeLater(
      createForgeClient({
        name: 'preset',
        baseUrl: server.origin,
        auth: { provider: documented.provider(at), ...documented.service },
      }),
    );
    await forge.get('/api');
    expect(asked).toEqual([documented.path]);
    const [tokenRequest, call] = server.requests;
    const [header, value] = documented.header ?? ['authorization', 'Bearer T'];
    expect(call?.headers[header]).toBe(value);
    const { form = {}, authorization = /^/ } = documented;
    const sent = tokenRequest?.headers['content-type'] === 'application/json' ? tokenRequest.json() : undefined;
    expect(Object.fromEntries(new URLSearchParams(tokenRequest?.text))).toMatchObject(form);
    expect(sent).toEqual(documented.json);
    expect(tokenRequest?.headers['authorization'] ?? '').toMatch(authorization);
  });

  it.each([
    [
      'keycloak',
      presets.keycloak({ url: 'https://sso.acme.example/', realm: 'shop' }),
      'https://sso.acme.example/realms/shop',
    ],
    ['auth0', presets.auth0({ domain: 'acme.eu.auth0.com', audience: 'https://orders' }), 'https://acme.eu.auth0.com/'],
    ['entra', presets.entra({ tenantId: 'acme.example' }), 'https://login.microsoftonline.com/acme.example/v2.0'],
    [
      'entra, a cloud of its own',
      presets.entra({ tenantId: 't', cloud: 'usgov' }),
      'https://login.microsoftonline.us/t/v2.0',
    ],
    ['okta', presets.okta({ domain: 'acme.okta.com' }), 'https://acme.okta.com/oauth2/default'],
    ['okta, the org', presets.okta({ domain: 'acme.okta.com', authorizationServer: false }), 'https://acme.okta.com'],
  ])('names the issuer of %s', (_name, options, issuer) => {
    expect(options.issuer).toBe(issuer);
    expect(() => new ClientCredentialsTokenProvider({ ...options, ...client })).not.toThrow();
  });

  it('asks Entra for all that was granted at an API, and Auth0 for an audience and organization', () => {
    expect(presets.entra({ tenantId: 't', resource: 'https://graph.microsoft.com' })).toMatchObject({
      scope: 'https://graph.microsoft.com/.default',
    });
    expect(
      presets.auth0({ domain: 'acme.auth0.com', audience: 'https://orders', organization: 'org_1' }),
    ).toMatchObject({
      audience: 'https://orders',
      extraParams: { organization: 'org_1' },
    });
  });

  it('takes a refusal of Slack, which comes as 200, for the refusal that it is', async () => {
    const server = closeLater(
      await startServer((_request, response) => json(response, 200, { ok: false, error: 'invalid_refresh_token' })),
    );
    const options = presets.slack({ refreshToken: 'xoxe-1-spent', ...client });
    const forge = closeLater(
      createForgeClient({
        name: 'slack',
        baseUrl: server.origin,
        auth: { provider: new RefreshTokenProvider({ ...options, tokenUrl: `${server.origin}/token` }) },
      }),
    );
    await expect(forge.get('/api')).rejects.toMatchObject({ error: 'invalid_grant' });
    expect(server.requests).toHaveLength(1);
  });

  it('shares a token of a preset with hooks between processes: it has an identity', () => {
    expect(presets.atlassian({ identity: 'tenant-1' })).toMatchObject({ identity: ['preset atlassian', 'tenant-1'] });
    const narrow = presets.githubApp({ appId: 1, installationId: 2, privateKey: pem, repositories: ['a'] });
    const wide = presets.githubApp({ appId: 1, installationId: 2, privateKey: pem });
    expect(narrow.identity).not.toEqual(wide.identity);
  });

  it.each([
    ['keycloak', () => presets.keycloak({ url: undefined as never, realm: 'shop' }), 'keycloak(): url'],
    ['auth0', () => presets.auth0({ domain: 'https://acme.auth0.com/path' }), 'auth0(): domain must be a host'],
    ['shopify', () => presets.shopify({ shop: 'acme.evil.example/' }), 'shopify(): shop'],
    ['zoom', () => presets.zoom({ accountId: '' }), 'zoom(): accountId'],
    ['entra', () => presets.entra({ tenantId: 't', cloud: 'moon' as never }), 'entra(): cloud must be one of'],
  ])('refuses what is no option of %s', (_name, make, message) => {
    expect(make).toThrow(message);
  });
});
