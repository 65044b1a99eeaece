// A day's calls in a process of its own, whose `Object.prototype` is the one that Node's own code inherits from, too: as it
// is, and then with all of the names. Writes both outcomes.
// Usage: node polluted-process.mjs <directory of the package> <origin> <transport> <names, comma-separated> <kind of value>
import 'reflect-metadata';
import { pathToFileURL } from 'node:url';
import { Test } from '@nestjs/testing';

const [directory, origin, over, names, kind] = process.argv.slice(2);
const load = (path) => import(pathToFileURL(`${directory}/${path}`).href);
const forge = await load('index.js');
const { UndiciTransport } = await load('undici/undici.entry.js');

const VALUES = {
  function: () => {
    throw new Error('inherited');
  },
  address: `${origin}/planted`,
};

const transport = () => (over === 'undici' ? { transport: new UndiciTransport() } : {});
const client = () => ({ issuer: origin, clientId: 'app', clientSecret: 'of the app', http: transport() });
const service = (name, auth) => ({ name, baseUrl: origin, ...transport(), auth });

async function day() {
  const app = await Test.createTestingModule({
    imports: [
      forge.ForgeAuthModule.forRoot({
        storage: new Map(),
        services: [
          service('own', { provider: new forge.ClientCredentialsTokenProvider(client()) }),
          service('people', {
            provider: new forge.AuthorizationCodeTokenProvider({
              ...client(),
              redirectUri: 'https://app.example/callback',
              scope: 'openid',
            }),
          }),
          service('exchange', { provider: new forge.TokenExchangeProvider({ ...client(), subjectToken: 'subject' }) }),
          service('signed', new forge.OAuth1Auth({ clientId: 'app', clientSecret: 'of the app' })),
          service('steps', {
            pipeline: {
              steps: [
                new forge.BodyTokenFetcher({
                  name: 'app',
                  baseUrl: origin,
                  endpoint: '/token',
                  requestData: { grant_type: 'client_credentials' },
                  ...transport(),
                }),
              ],
            },
          }),
        ],
      }),
    ],
  })
    .setLogger(false)
    .compile();
  await app.init();
  const services = app.get(forge.ForgeAuthService);
  const outcome = [];

  const own = services.client('own');
  outcome.push((await own.get('/a')).data);
  outcome.push((await own.post('/b', { list: [{ at: new Date(0) }], b: null })).data);
  outcome.push((await own.get('/moved')).data);
  outcome.push((await own.post('/e', new URLSearchParams({ a: '1' }))).data);
  outcome.push(await (await own.fetch('/c')).json());
  outcome.push((await own.axiosRef.get('/d')).data);

  const people = services.provider('people');
  const started = await people.authorizationUrl({ subject: 'alice' });
  const { token } = await people.handleCallback(`/callback?code=${started.nonce}&state=${started.state}`);
  outcome.push(token.claims.sub, (await people.userInfo(token)).sub);
  outcome.push((await services.client('people').get('/f', { auth: { subject: 'alice' } })).data);
  outcome.push((await services.tokens('people').introspect({ subject: 'alice' })).active);
  await services.tokens('people').revoke({ subject: 'alice' });

  outcome.push((await services.client('exchange').get('/g')).data);
  outcome.push((await services.client('signed').get('/h')).data);
  outcome.push((await services.client('steps').get('/i')).data);
  await app.close();
  return outcome;
}

// What is loaded on first use is loaded by then.
const expected = await day();
await fetch(`${origin}/polluted`);
const given = names.split(',');
for (const name of given)
  // oxlint-disable-next-line no-extend-native -- as an attacker would
  Object.defineProperty(Object.prototype, name, { value: VALUES[kind], configurable: true, writable: true });
let outcome;
try {
  outcome = await day();
} catch (error) {
  outcome = error?.stack;
}
for (const name of given) delete Object.prototype[name];
process.stdout.write(`${JSON.stringify(expected)}\n${JSON.stringify(outcome)}\n`);
