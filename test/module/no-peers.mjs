// Boots an application on the main entry alone, where no optional peer can be loaded, and makes a call.
// Usage: node no-peers.mjs <entry> <origin of the service> <URL of the token endpoint>
import { Module, register } from 'node:module';
import 'reflect-metadata';

const PEERS = ['@nestjs/terminus', '@opentelemetry/api', 'undici'];
const [entry, origin, tokenUrl] = process.argv.slice(2);

const hook = `export const resolve = (specifier, context, next) => {
  if (${JSON.stringify(PEERS)}.some((peer) => specifier === peer || specifier.startsWith(peer + '/')))
    throw new Error('LOADED ' + specifier);
  return next(specifier, context);
};`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
const { _resolveFilename: resolveFilename } = Module;
Object.assign(Module, {
  _resolveFilename(specifier, ...rest) {
    if (PEERS.some((peer) => specifier === peer || specifier.startsWith(`${peer}/`)))
      throw new Error(`LOADED ${specifier}`);
    return resolveFilename.call(Module, specifier, ...rest);
  },
});

const { NestFactory } = await import('@nestjs/core');
const { ClientCredentialsTokenProvider, ForgeAuthModule, ForgeAuthService } = await import(entry);
const provider = new ClientCredentialsTokenProvider({ tokenUrl, clientId: 'app', clientSecret: 'app-secret' });
const app = await NestFactory.createApplicationContext(
  ForgeAuthModule.forRoot({ services: [{ name: 'orders', baseUrl: origin, auth: { provider } }] }),
  { logger: ['error'] },
);
const { status } = await app.get(ForgeAuthService).client('orders').get('/');
const refused = await import('undici').catch(({ message }) => message);
await app.close();
process.stdout.write(JSON.stringify({ status, refused }));
