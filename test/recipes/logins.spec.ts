import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import {
  Client as GrpcClient,
  type sendUnaryData,
  Server as GrpcServer,
  ServerCredentials,
  type ServerUnaryCall,
  status,
} from '@grpc/grpc-js';
import { logLevel } from 'kafkajs';
import type { Token, TokenManager } from 'nestjs-forge-auth';
import { Server as SocketIoServer } from 'socket.io';
import { WebSocketServer } from 'ws';
import { send } from '../support/answer.js';
import { createCertificate } from '../support/certificate.js';
import { startKafkaBroker } from '../support/kafka-broker.js';
import { startPostgresStub } from '../support/postgres-stub.js';
import { sharedRedis } from '../support/redis-server.js';
import { startServer } from '../support/recording-server.js';
import { World } from '../tokens/world.js';
import { webIdentity } from './clients/aws-web-identity.js';
import { channelCredentials } from './logins/grpc.js';
import { createKafka } from './logins/kafka.js';
import { createPool } from './logins/postgres.js';
import { createRedis } from './logins/redis.js';
import { connectSocketIo } from './logins/socket-io.js';
import { withFreshToken } from './logins/with-fresh-token.js';
import { connectWebSocket } from './logins/ws.js';

const world = new World();
let tokens: TokenManager;

beforeEach(async () => {
  await world.start();
  tokens = world.manager();
});
afterEach(() => world.close());

const isValid = (accessToken: unknown): boolean => world.endpoint.isValid(String(accessToken));
const issued = (...numbers: number[]) => numbers.map((number) => world.endpoint.issued[number]?.accessToken);

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;

/** Closes something at the end of the test. */
const later = (close: () => unknown): void => void world.closeLater({ close: async () => void (await close()) });

describe('KafkaJS', () => {
  it('logs in with our token, at each connection, and with a new one where it was refused', async () => {
    const broker = world.closeLater(await startKafkaBroker(isValid));
    const list = async () => {
      const kafka = createKafka(tokens, [broker.address], false);
      kafka.logger().setLogLevel(logLevel.NOTHING);
      const admin = kafka.admin({ retry: { retries: 0 } });
      try {
        await admin.connect();
        return await admin.listTopics();
      } finally {
        await admin.disconnect();
      }
    };
    await expect(list()).resolves.toEqual([]);
    world.endpoint.revokeAll();
    await expect(
      withFreshToken(tokens, (error) => String(error).includes('OAUTHBEARER authentication failed'), list),
    ).resolves.toEqual([]);
    expect([...new Set(broker.tokens)]).toEqual(issued(0, 1));
    expect(world.endpoint.tokenRequests).toBe(2);
  });
});

const serialize = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const deserialize = (bytes: Buffer): unknown => JSON.parse(bytes.toString());

describe('gRPC', () => {
  const ORDER = { path: '/shop.Orders/Get', requestStream: false, responseStream: false } as const;
  it('sends our token with each call, a new one where it was refused, and nothing without one', async () => {
    const { cert, key } = await createCertificate();
    const shown: unknown[] = [];
    const server = new GrpcServer();
    server.addService(
      {
        get: {
          ...ORDER,
          requestSerialize: serialize,
          requestDeserialize: deserialize,
          responseSerialize: serialize,
          responseDeserialize: deserialize,
        },
      },
      {
        get: (call: ServerUnaryCall<unknown, unknown>, answer: sendUnaryData<unknown>) => {
          const [authorization] = call.metadata.get('authorization');
          shown.push(authorization);
          if (isValid(String(authorization).replace('Bearer ', ''))) answer(null, { id: 7 });
          else answer({ code: status.UNAUTHENTICATED, details: 'invalid token' });
        },
      },
    );
    const pair = [{ private_key: Buffer.from(key), cert_chain: Buffer.from(cert) }];
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, pair), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    later(() => server.forceShutdown());
    const orders = new GrpcClient(`localhost:${port}`, channelCredentials(tokens, Buffer.from(cert)));
    later(() => orders.close());
    const get = () =>
      new Promise((resolve, reject) =>
        orders.makeUnaryRequest(ORDER.path, serialize, deserialize, {}, (error, value) =>
          error ? reject(error) : resolve(value),
        ),
      );
    world.endpoint.answerNext({ status: 400, json: { error: 'invalid_scope' } });
    await expect(get()).rejects.toThrow('invalid_scope');
    expect(shown).toEqual([]);
    expect(await Promise.all(Array.from({ length: 10 }, get))).toEqual(Array.from({ length: 10 }, () => ({ id: 7 })));
    expect(world.endpoint.issued).toHaveLength(1);
    world.endpoint.revokeAll();
    await expect(withFreshToken(tokens, (error) => codeOf(error) === status.UNAUTHENTICATED, get)).resolves.toEqual({
      id: 7,
    });
    expect([...new Set(shown)]).toEqual(issued(0, 1).map((token) => `Bearer ${token}`));
  });
});

describe('pg', () => {
  it('gives our token as the password of each new connection, and a new one where it was refused', async () => {
    const postgres = world.closeLater(await startPostgresStub(isValid));
    const config = {
      host: '127.0.0.1',
      port: postgres.port,
      user: 'postgres',
      database: 'postgres',
      ssl: false,
      max: 1,
    };
    const select = async () => {
      const pool = createPool(tokens, config);
      try {
        return (await pool.query('select 7 as id')).rows;
      } finally {
        await pool.end();
      }
    };
    await expect(select()).resolves.toEqual([{ id: 7 }]);
    world.endpoint.revokeAll();
    await expect(withFreshToken(tokens, (error) => codeOf(error) === '28P01', select)).resolves.toEqual([{ id: 7 }]);
    expect(postgres.passwords).toEqual(issued(0, 0, 1));
  });
});

describe('node-redis', () => {
  it('logs in with our token as the password, again after a lost connection', async () => {
    const redis = await sharedRedis();
    later(() => redis.stop());
    const username = `app-${Date.now()}`;
    const admit = ({ accessToken }: Token) =>
      redis.command('ACL', 'SETUSER', username, 'on', 'resetpass', `>${accessToken}`, '~*', '&*', '+@all');
    later(() => redis.command('ACL', 'DELUSER', username));
    await admit(await tokens.getToken());

    const client = createRedis(tokens, redis.url, username);
    client.on('error', () => undefined);
    await client.connect();
    later(() => client.destroy());
    expect(await client.sendCommand(['ACL', 'WHOAMI'])).toBe(username);

    await admit(await tokens.forceRefresh());
    const again = new Promise<void>((resolve) => client.once('ready', resolve));
    await redis.command('CLIENT', 'KILL', 'USER', username);
    await again;
    expect(await client.sendCommand(['ACL', 'WHOAMI'])).toBe(username);
    expect(world.endpoint.tokenRequests).toBe(2);
  });
});

async function startSocketIo() {
  const http = createServer();
  const server = new SocketIoServer(http);
  const shown: unknown[] = [];
  server.use(({ handshake }, next) => {
    const { token } = handshake.auth as { token?: string };
    shown.push(token);
    next(isValid(token) ? undefined : new Error('unauthorized'));
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  later(() => server.close());
  const socket = connectSocketIo(tokens, `http://127.0.0.1:${(http.address() as AddressInfo).port}`);
  later(() => socket.disconnect());
  const connected = () => new Promise<void>((resolve) => socket.once('connect', resolve));
  return { server, socket, shown, connected };
}

describe('Socket.IO', () => {
  it('shows our token at each handshake, and a new one where it was refused', async () => {
    const { socket, shown, connected } = await startSocketIo();
    await connected();
    world.endpoint.revokeAll();
    socket.disconnect().connect();
    await connected();
    expect(shown).toEqual(issued(0, 0, 1));
  });

  it('shows nothing while no token can be obtained, and connects when there is one', async () => {
    world.endpoint.answerNext({ status: 400, json: { error: 'invalid_scope' } });
    const { shown, connected } = await startSocketIo();
    await connected();
    expect(shown).toEqual(issued(0));
  });

  it('gives up when new tokens are refused, too', async () => {
    const { server, socket, shown } = await startSocketIo();
    server.use((_socket, next) => next(new Error('forbidden')));
    await new Promise<void>((resolve) => {
      let refused = 0;
      socket.on('connect_error', () => ++refused === 2 && resolve());
    });
    expect(socket.active).toBe(false);
    expect(shown).toEqual(issued(0, 1));
  });
});

async function startWebSockets(verify: (token: string | undefined) => boolean) {
  const shown: (string | undefined)[] = [];
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    verifyClient: ({ req }: { req: IncomingMessage }) => {
      const token = req.headers.authorization?.replace('Bearer ', '');
      shown.push(token);
      return verify(token);
    },
  });
  await once(server, 'listening');
  later(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, shown };
}

describe('ws', () => {
  it('opens with our token, and with a new one where it was refused', async () => {
    const { url, shown } = await startWebSockets(isValid);
    await connectWebSocket(tokens, url);
    world.endpoint.revokeAll();
    await connectWebSocket(tokens, url);
    expect(shown).toEqual(issued(0, 0, 1));
  });

  it('asks no third time', async () => {
    const { url, shown } = await startWebSockets(() => false);
    await expect(connectWebSocket(tokens, url)).rejects.toThrow(`${url} refuses our tokens.`);
    expect(shown).toEqual(issued(0, 1));
  });
});

describe('AWS web identity', () => {
  it('signs with the credentials that AWS gives for our token, asked for once', async () => {
    const aws = world.closeLater(
      await startServer((request, response) => {
        const form = request.form();
        const xml =
          form.get('Action') === 'GetCallerIdentity' ? IDENTITY : isValid(form.get('WebIdentityToken')) ? ROLE : '';
        send(response, xml === '' ? 400 : 200, xml, { 'content-type': 'text/xml' });
      }),
    );
    const config = { region: 'eu-central-1', endpoint: aws.origin, maxAttempts: 1 };
    const credentials = webIdentity(tokens, 'arn:aws:iam::7:role/app', config);
    const sts = new STSClient({ ...config, credentials });
    for (let call = 0; call < 2; call += 1) expect((await sts.send(new GetCallerIdentityCommand())).Account).toBe('7');
    const authorizations = aws.requests.map(({ headers }) => headers.authorization?.split('/')[0]);
    expect(authorizations).toEqual([
      undefined,
      ...Array.from({ length: 2 }, () => 'AWS4-HMAC-SHA256 Credential=AKID7'),
    ]);
    expect(aws.requests[0]?.form().get('WebIdentityToken')).toBe(issued(0)[0]);
  });

  const IDENTITY = '<R><GetCallerIdentityResult><Account>7</Account></GetCallerIdentityResult></R>';
  const ROLE = `<R><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>AKID7</AccessKeyId>
    <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
    <Expiration>${new Date(Date.now() + 3_600_000).toISOString()}</Expiration>
  </Credentials></AssumeRoleWithWebIdentityResult></R>`;
});
