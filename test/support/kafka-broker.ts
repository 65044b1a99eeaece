import { type AddressInfo, createServer, type Socket } from 'node:net';

/** A running {@link startKafkaBroker}. */
export interface KafkaBroker {
  /** `127.0.0.1:<port>` */
  readonly address: string;
  /** The bearer tokens shown so far, in order. */
  readonly tokens: readonly string[];
  close(): Promise<void>;
}

const [METADATA, SASL_HANDSHAKE, API_VERSIONS, SASL_AUTHENTICATE] = [3, 17, 18, 36];
const SASL_AUTHENTICATION_FAILED = 58;

/**
 * Starts a broker that speaks as much of Kafka's protocol as a client needs to log in by OAUTHBEARER and to list topics: none.
 * @see [Kafka protocol](https://kafka.apache.org/protocol)
 * @see [RFC 7628](https://www.rfc-editor.org/rfc/rfc7628#section-3.1)
 */
export async function startKafkaBroker(isValid: (accessToken: string) => boolean): Promise<KafkaBroker> {
  const tokens: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket)).on('error', () => undefined);
    let received = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
        const size = received.readInt32BE(0);
        const message = received.subarray(4, 4 + size);
        received = received.subarray(4 + size);
        const answer = Buffer.concat([message.subarray(4, 8), answerTo(message)]);
        socket.write(Buffer.concat([int32(answer.length), answer]));
      }
    });
  });

  function answerTo(message: Buffer): Buffer {
    const [apiKey, version] = [message.readInt16BE(0), message.readInt16BE(2)];
    const body = message.subarray(10 + Math.max(0, message.readInt16BE(8)));
    switch (apiKey) {
      case API_VERSIONS: {
        const served = [
          [METADATA, 0, 0],
          [SASL_HANDSHAKE, 1, 1],
          [API_VERSIONS, 0, 2],
          [SASL_AUTHENTICATE, 0, 0],
        ].flat();
        const throttle = version > 0 ? int32(0) : Buffer.alloc(0);
        return Buffer.concat([int16(0), int32(served.length / 3), ...served.map(int16), throttle]);
      }
      case SASL_HANDSHAKE:
        return Buffer.concat([int16(0), int32(1), text('OAUTHBEARER')]);
      case SASL_AUTHENTICATE: {
        const token = /auth=Bearer ([\w.~+/=-]+)/.exec(body.subarray(4).toString())?.[1] ?? '';
        tokens.push(token);
        if (isValid(token)) return Buffer.concat([int16(0), int16(-1), int32(0)]);
        return Buffer.concat([int16(SASL_AUTHENTICATION_FAILED), text('invalid_token'), int32(0)]);
      }
      case METADATA:
        return Buffer.concat([int32(1), int32(0), text('127.0.0.1'), int32(port), int32(0)]);
      default:
        throw new Error(`The broker knows no request ${apiKey}.`);
    }
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    tokens,
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function text(value: string): Buffer {
  return Buffer.concat([int16(value.length), Buffer.from(value)]);
}
