/** Alternatives to the package, each set up as its documentation says and holding a token. */
import { Agent } from 'node:http';
import { create } from 'axios';

/** The same for all, so that connections are kept in the same way. */
const agent = () => new Agent({ keepAlive: true });

async function interceptor({ origin, accessToken }) {
  const instance = create({ baseURL: origin, httpAgent: agent() });
  instance.interceptors.request.use((config) => {
    config.headers.set('authorization', `Bearer ${accessToken}`);
    return config;
  });
  return () => instance.get('/orders/7');
}

async function authRefresh({ origin, accessToken }) {
  const { default: createAuthRefreshInterceptor } = await import('axios-auth-refresh');
  const instance = create({
    baseURL: origin,
    httpAgent: agent(),
    headers: { authorization: `Bearer ${accessToken}` },
  });
  const install = createAuthRefreshInterceptor.default ?? createAuthRefreshInterceptor;
  install(instance, async () => undefined);
  return () => instance.get('/orders/7');
}

async function plainFetch({ origin, accessToken }) {
  const headers = { authorization: `Bearer ${accessToken}` };
  return () => readJson(fetch(`${origin}/orders/7`, { headers }));
}

async function undiciRequest({ origin, accessToken }) {
  const { request } = await import('undici');
  const headers = { authorization: `Bearer ${accessToken}` };
  return async () => {
    const { statusCode, body } = await request(`${origin}/orders/7`, { headers });
    return { status: statusCode, data: await body.json() };
  };
}

async function badgateway({ origin }) {
  const { OAuth2Client, OAuth2Fetch } = await import('@badgateway/oauth2-client');
  const client = new OAuth2Client({
    server: origin,
    clientId: 'bench',
    clientSecret: 'secret',
    tokenEndpoint: '/token',
  });
  const wrapper = new OAuth2Fetch({ client, getNewToken: () => client.clientCredentials() });
  return () => readJson(wrapper.fetch(`${origin}/orders/7`));
}

async function openidClient({ origin }) {
  const { allowInsecureRequests, clientCredentialsGrant, Configuration, fetchProtectedResource } =
    await import('openid-client');
  const config = new Configuration({ issuer: origin, token_endpoint: `${origin}/token` }, 'bench', 'secret');
  allowInsecureRequests(config);
  const { access_token: token } = await clientCredentialsGrant(config);
  return () => readJson(fetchProtectedResource(config, token, new URL(`${origin}/orders/7`), 'GET'));
}

async function googleAuth({ origin, accessToken }) {
  const { OAuth2Client } = await import('google-auth-library');
  const client = new OAuth2Client();
  client.setCredentials({ access_token: accessToken, expiry_date: Date.now() + 86_400_000 });
  return async () => {
    const { status, data } = await client.request({ url: `${origin}/orders/7` });
    return { status, data };
  };
}

async function readJson(pending) {
  const response = await pending;
  return { status: response.status, data: await response.json() };
}

/** By way: what it is called, the package that it needs beyond the bench's own, and how it is made. */
export const PEER_WAYS = {
  interceptor: { name: 'axios with an interceptor', make: interceptor },
  authRefresh: { name: 'axios-auth-refresh', needs: 'axios-auth-refresh', make: authRefresh },
  googleAuth: { name: 'google-auth-library', needs: 'google-auth-library', make: googleAuth },
  plainFetch: { name: 'fetch', make: plainFetch },
  openidClient: { name: 'openid-client, fetchProtectedResource', make: openidClient },
  badgateway: { name: '@badgateway/oauth2-client', needs: '@badgateway/oauth2-client', make: badgateway },
  undiciRequest: { name: 'undici.request', make: undiciRequest },
};
