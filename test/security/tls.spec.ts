import {
  BearerAuth,
  ClientCredentialsTokenProvider,
  createForgeClient,
  type ForgeHttpClient,
  type ForgeServiceOptions,
  type TlsOptions,
  TlsError,
} from 'nestjs-forge-auth';
import { type Certificate, createCertificate } from '../support/certificate.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { CLIENT, startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';
import { rejection } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';
import { welcome } from './strangers.js';

let api: RecordingServer;
let endpoint: TokenEndpoint;
let clientCertificate: Certificate;
let trustApi: TlsOptions;
let trustEndpoint: TlsOptions;
let trustBoth: TlsOptions;
const clients: ForgeHttpClient[] = [];
const logger = recordingLogger();

beforeAll(async () => {
  clientCertificate = await createCertificate({ commonName: 'a-client' });
  const asking = { requestCert: true, rejectUnauthorized: false, ca: clientCertificate.cert };
  // Names of their own: of two roots with one name only the first is tried.
  const [ofApi, ofEndpoint] = [
    await createCertificate({ commonName: 'api' }),
    await createCertificate({ commonName: 'issuer' }),
  ];
  api = await startServer(welcome, { tls: { ...asking, ...ofApi } });
  endpoint = await startTokenEndpoint({ tls: { ...asking, ...ofEndpoint } });
  [trustApi, trustEndpoint, trustBoth] = [
    { ca: ofApi.cert },
    { ca: ofEndpoint.cert },
    { ca: [ofApi.cert, ofEndpoint.cert] },
  ];
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  api.reset();
  endpoint.server.reset();
  logger.warnings.splice(0);
});

afterAll(async () => {
  await api.close();
  await endpoint.close();
});

function clientOf(tls: TlsOptions | undefined, providerTls: TlsOptions | undefined): ForgeHttpClient {
  const provider = new ClientCredentialsTokenProvider({
    tokenUrl: endpoint.url,
    ...CLIENT,
    retry: { nextDelayMs: () => undefined },
    ...(providerTls === undefined ? undefined : { http: { tls: providerTls } }),
  });
  return open({ auth: { provider }, ...(tls === undefined ? undefined : { tls }) });
}

function open(service: Partial<ForgeServiceOptions>): ForgeHttpClient {
  const client = createForgeClient({ name: 'orders', baseUrl: api.origin, ...service }, { logger });
  clients.push(client);
  return client;
}

const trustOf = ({ ca }: RecordingServer): TlsOptions => ({ ca: ca as string });

describe('the TLS options of a service and of its provider', () => {
  it('the TLS options of a service and of its provider are trusted where they belong', async () => {
    await expect(clientOf(trustApi, trustEndpoint).get('/')).resolves.toMatchObject({ status: 200 });
    expect(logger.warnings).toEqual([]);
  });

  it('the TLS options of a service and of its provider are not inherited by the provider: the token is not asked for', async () => {
    const error = await rejection(clientOf(trustBoth, undefined).get('/'));
    expect(error).toMatchObject({ code: 'FORGE_AUTH_TOKEN_REQUEST_FAILED', serviceName: 'orders' });
    expect(error.cause).toBeInstanceOf(TlsError);
    expect(endpoint.tokenRequests).toBe(0);
    expect(api.requests).toHaveLength(0);
  });

  it('the TLS options of a service and of its provider are not inherited by the service: the token is not sent', async () => {
    const client = clientOf(undefined, trustBoth);
    await expect(client.get('/')).rejects.toMatchObject({ code: 'FORGE_AUTH_TLS', serviceName: 'orders' });
    expect(endpoint.tokenRequests).toBe(1);
    expect(api.requests).toHaveLength(0);
  });

  it('the TLS options of a service and of its provider show the certificate of the service to the service alone', async () => {
    await clientOf({ ...trustApi, ...clientCertificate }, trustEndpoint).get('/');
    expect(api.requests[0]?.clientCertificate?.subject.CN).toBe('a-client');
    expect(endpoint.server.requests[0]?.clientCertificate).toBeUndefined();
  });

  it('the TLS options of a service and of its provider show the certificate of the provider to its endpoint alone', async () => {
    await clientOf(trustApi, { ...trustEndpoint, ...clientCertificate }).get('/');
    expect(endpoint.server.requests[0]?.clientCertificate?.subject.CN).toBe('a-client');
    expect(api.requests[0]?.clientCertificate).toBeUndefined();
  });

  it('the TLS options of a service and of its provider are used for discovery, too', async () => {
    const issuer = await startServer(
      ({ path }, response) => {
        const document = { issuer: issuer.origin, token_endpoint: `${issuer.origin}/token` };
        const answer = path === '/token' ? { access_token: 'an-access-token' } : document;
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
      },
      { tls: true },
    );
    const provider = (tls: TlsOptions): ClientCredentialsTokenProvider =>
      new ClientCredentialsTokenProvider({ issuer: issuer.origin, ...CLIENT, http: { tls } });
    await open({ auth: { provider: provider(trustOf(issuer)) }, tls: trustApi }).get('/');
    expect(api.requests[0]?.headers.authorization).toBe('Bearer an-access-token');
    const call = open({ auth: { provider: provider(trustApi) }, tls: trustApi }).get('/');
    expect(await rejection(call)).toMatchObject({ name: 'AuthenticationError', serviceName: 'orders' });
    await issuer.close();
  });
});

describe('certificates that are not checked', () => {
  it('certificates that are not checked are warned of for a service, and its provider goes on checking', async () => {
    const error = await rejection(clientOf({ rejectUnauthorized: false }, undefined).get('/'));
    expect(error.cause).toBeInstanceOf(TlsError);
    expect(logger.warnings[0]).toBe(
      'Service "orders": tls.rejectUnauthorized is false: anybody can pose as the service.',
    );
    expect(api.requests).toHaveLength(0);
  });

  it('certificates that are not checked are warned of for a provider, and its service goes on checking', async () => {
    const client = clientOf(undefined, { rejectUnauthorized: false });
    await expect(client.get('/')).rejects.toMatchObject({ code: 'FORGE_AUTH_TLS' });
    expect(endpoint.tokenRequests).toBe(1);
    expect(logger.warnings).toEqual([
      'Service "orders": ClientCredentialsTokenProvider: http.tls.rejectUnauthorized is false: anybody can pose as the token endpoint.',
    ]);
  });

  it('certificates that are not checked let a self-signed service be called', async () => {
    const client = open({ auth: new BearerAuth('a-token'), tls: { rejectUnauthorized: false } });
    await expect(client.get('/')).resolves.toMatchObject({ status: 200 });
    expect(logger.warnings).toHaveLength(1);
  });

  it('certificates that are not checked are checked for the name of the host where they are checked', async () => {
    const certificate = await createCertificate({ hosts: ['another.example'] });
    const stranger = await startServer(welcome, { tls: { ...certificate } });
    const call = open({ baseUrl: stranger.origin, auth: new BearerAuth('a-token'), tls: { ca: certificate.cert } }).get(
      '/',
    );
    await expect(call).rejects.toBeInstanceOf(TlsError);
    expect(stranger.requests).toHaveLength(0);
    await stranger.close();
  });
});
