import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { calculateJwkThumbprint, decodeProtectedHeader, exportJWK, type JWK, jwtVerify } from 'jose';
import type { ClientMetadata } from 'oidc-provider';
import {
  AuthorizationCodeTokenProvider,
  ForgeAuthModule,
  ForgeAuthService,
  type SignInProvider,
  type Token,
  type TokenManager,
} from 'nestjs-forge-auth';
import { boot } from '../module/boot.js';
import { json } from '../support/answer.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { rejection } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';
import { APP, type PeopleServer, startPeopleServer } from './people-server.js';

const ours = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const another = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

let issuer: PeopleServer;
let api: RecordingServer;
let needsNonce: boolean;
const closing: { close(): Promise<unknown> }[] = [];

beforeEach(async () => {
  needsNonce = false;
  issuer = await startPeopleServer({
    // Of public clients the refresh token is bound, too.
    client: { client_secret: undefined, token_endpoint_auth_method: 'none' } as unknown as Partial<ClientMetadata>,
    features: {
      dPoP: { enabled: true, nonceSecret: Buffer.alloc(32, 7), requireNonce: () => needsNonce },
      userinfo: { enabled: true },
      pushedAuthorizationRequests: { enabled: true },
    },
  });
  api = await startServer(async ({ headers }, response) => {
    const token = /^DPoP (.+)$/.exec(headers.authorization ?? '')?.[1] ?? '';
    json(response, (await issuer.isValid(token)) ? 200 : 401, {});
  });
});

afterEach(async () => {
  for (const open of closing.splice(0).toReversed()) await open.close();
  await api.close();
  await issuer.close();
});

interface Calendar {
  readonly signIn: SignInProvider;
  readonly tokens: TokenManager;
  call(): Promise<unknown>;
  readonly warnings: readonly string[];
}

async function start(dpop: true | { key: KeyObject }, storage = new Map(), more: object = {}): Promise<Calendar> {
  const provider = new AuthorizationCodeTokenProvider({
    issuer: issuer.issuer,
    clientId: APP.clientId,
    authMethod: 'none',
    redirectUri: APP.redirectUri,
    scope: 'openid offline_access read',
    prompt: 'consent',
    dpop,
    ...more,
  });
  const services = [{ name: 'calendar', baseUrl: api.origin, auth: { provider } }];
  const logger = recordingLogger();
  const app = await boot({ imports: [ForgeAuthModule.forRoot({ storage, services })] }, { logger });
  closing.push(app);
  const forge = app.get(ForgeAuthService);
  return {
    signIn: forge.provider('calendar'),
    tokens: forge.tokens('calendar'),
    call: () => forge.client('calendar').get('/events', { auth: { subject: 'user-1' } }),
    warnings: logger.warnings,
  };
}

async function connect({ signIn }: Calendar): Promise<Token> {
  const { url } = await signIn.authorizationUrl({ subject: 'user-1', loginHint: 'alice' });
  return (await signIn.handleCallback(await issuer.visit(url))).token;
}

const thumbprintOf = async (key: KeyObject): Promise<string> => calculateJwkThumbprint(await exportJWK(key));

/** Verifies the proof of the last call by the key that it names, and returns that key's thumbprint. */
async function provenBy(token: Token): Promise<string> {
  const proof = String(api.requests.at(-1)?.headers['dpop']);
  const { jwk } = decodeProtectedHeader(proof);
  const { payload } = await jwtVerify(proof, jwk as JWK);
  const { createHash } = await import('node:crypto');
  const ath = createHash('sha256').update(token.accessToken).digest('base64url');
  expect(payload).toMatchObject({ htm: 'GET', htu: `${api.origin}/events`, ath });
  return calculateJwkThumbprint(jwk as JWK);
}

describe('a sign-in whose token is bound to a key', () => {
  it.each([[false], [true]])(
    'a sign-in whose token is bound to a key is renewed and shown by that key alone; a nonce is asked for: %s',
    async (nonces) => {
      needsNonce = nonces;
      const thumbprint = await thumbprintOf(ours);
      const storage = new Map<string, unknown>();
      const [calendar, elsewhere] = [await start({ key: ours }, storage), await start({ key: ours }, storage)];
      const token = await connect(calendar);
      expect(token.tokenType.toLowerCase()).toBe('dpop');
      expect(await calendar.signIn.userInfo(token)).toMatchObject({ sub: 'alice' });
      await calendar.call();
      expect(await provenBy(token)).toBe(thumbprint);
      // Another process with the same key carries on, with the refresh token that is bound to it.
      const stored = await issuer.provider.RefreshToken.find(token.refreshToken as string);
      expect(stored).toMatchObject({ jkt: thumbprint });
      await issuer.revokeAll();
      await elsewhere.call();
      expect(issuer.grantTypes.at(-1)).toBe('refresh_token');
      expect(await provenBy(await elsewhere.tokens.forSubject('user-1').getToken())).toBe(thumbprint);
      expect(calendar.warnings.join()).not.toContain('dpop');
    },
  );

  it.each([[true], [false]])('announces the key, pushed: %s', async (pushAuthorizationRequest) => {
    const calendar = await start({ key: ours }, new Map(), { pushAuthorizationRequest });
    const { url } = await calendar.signIn.authorizationUrl({ subject: 'user-1' });
    const announced = pushAuthorizationRequest
      ? issuer.server.requests
          .find(({ path }) => path === '/request')
          ?.form()
          .get('dpop_jkt')
      : new URL(url).searchParams.get('dpop_jkt');
    expect(announced).toBe(await thumbprintOf(ours));
  });

  it('a sign-in whose token is bound to a key is exchanged by nobody who has another key', async () => {
    const storage = new Map<string, unknown>();
    const [calendar, thief] = [await start({ key: ours }, storage), await start({ key: another }, storage)];
    const { url } = await calendar.signIn.authorizationUrl({ subject: 'user-1' });
    const error = await rejection(thief.signIn.handleCallback(await issuer.visit(url)));
    expect(error).toMatchObject({ name: 'AuthenticationError', error: 'invalid_grant' });
    for (const { tokens } of [calendar, thief]) expect(await tokens.forSubject('user-1').has()).toBe(false);
  });

  it('warns of a key that ends with the process', async () => {
    const calendar = await start(true);
    await connect(calendar);
    await calendar.call();
    expect(calendar.warnings.filter((line) => line.includes('dpop has no key'))).toHaveLength(1);
  });

  it('lets nobody else announce a key', async () => {
    const { signIn } = await start({ key: ours });
    const error = await rejection(signIn.authorizationUrl({ extraParams: { dpop_jkt: 'of-another' } }));
    expect(error).toMatchObject({ message: expect.stringContaining('dpop_jkt is set by the provider') });
  });
});
