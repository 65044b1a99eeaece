import * as https from 'node:https';
import { mountedText } from '../../option-check/mounted-text.js';
import { ownSocketOptions } from './not-inherited.js';
import { RedactedCause } from '../../redaction/redact.js';
import { TlsError } from '../../errors.js';
import { unusableTls } from '../tls-hints.js';
import type { TlsOptions, TlsSource } from '../tls-options.js';

type Connect = (error: Error | null, socket?: unknown) => void;

/**
 * Reads its certificate again for each new connection: one that is rotated on disk needs no restart. Sessions are not
 * resumed, since a resumed one stands for the certificate that it was opened with.
 */
export class FreshTlsAgent extends https.Agent {
  /** Options that it read last. */
  last: TlsOptions | undefined;
  readonly #read: () => Promise<TlsOptions | undefined>;

  constructor(options: https.AgentOptions, read: () => TlsOptions | Promise<TlsOptions>) {
    super({ ...options, maxCachedSessions: 0 });
    this.#read = () => readTls(read);
  }

  /** Called by Node for each connection; answers by callback, since the certificate may have to be waited for. */
  override createConnection(options: object, connected: Connect): undefined {
    const connect = async (): Promise<void> => {
      let tls: TlsOptions;
      try {
        tls = (await this.#read()) ?? {};
        this.last = tls;
      } catch (error) {
        connected(new TlsError(`tls could not be read: its function threw ${new RedactedCause(error).message}.`));
        return;
      }
      try {
        const open = (https.Agent.prototype as unknown as { createConnection(options: object): unknown })
          .createConnection;
        connected(null, open.call(this, ownSocketOptions({ ...options, ...tls })));
      } catch (error) {
        connected(
          new TlsError(`tls cannot be used: ${unusableTls(tls, String((error as { code?: unknown }).code ?? ''))}.`),
        );
      }
    };
    void connect();
    return undefined;
  }
}

/** Reads TLS options, whether they are given as they are or by a function: a line break after its passphrase is cut. */
export async function readTls(tls: TlsSource | undefined): Promise<TlsOptions | undefined> {
  if (typeof tls !== 'function') return tls;
  const options = await tls();
  const { passphrase } = options ?? {};
  return typeof passphrase === 'string' ? { ...options, passphrase: mountedText(passphrase) } : options;
}
