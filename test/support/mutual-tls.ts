import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { AuthorizationServer } from './authorization-server.js';
import type { Certificate } from './certificate.js';

/** A running {@link startMutualTls}. */
export interface MutualTls {
  readonly origin: string;
  /** Common names of the certificates that requests came with, `undefined` for none, in order. */
  readonly presented: readonly (string | undefined)[];
  close(): void;
}

/** Puts TLS that asks for client certificates before an authorization server. One from elsewhere is not refused here. */
export async function startMutualTls(
  server: AuthorizationServer,
  { host, authority }: { host: Certificate; authority: Certificate },
): Promise<MutualTls> {
  const handler = server.provider.callback();
  const presented: (string | undefined)[] = [];
  const listener = https.createServer(
    { ...host, ca: authority.cert, requestCert: true, rejectUnauthorized: false },
    (request, res) => {
      const { socket } = request as unknown as { socket: TLSSocket };
      presented.push(/^CN=(.*)$/m.exec(socket.getPeerX509Certificate()?.subject ?? '')?.[1]);
      void handler(request, res);
    },
  );
  await new Promise<void>((resolve) => listener.listen(0, resolve));
  return {
    origin: `https://localhost:${(listener.address() as AddressInfo).port}`,
    presented,
    close: () => {
      listener.closeAllConnections();
      listener.close();
    },
  };
}
