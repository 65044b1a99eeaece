import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { mountedTextFault } from '../option-check/mounted-text.js';
import { unusableTls } from './tls-hints.js';
import { checkOption, checkOptions, type OptionPlace, type OptionRules } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';

/**
 * TLS of one party: a service, or a provider's token endpoint. Nothing is inherited between the two.
 * @see [tls.createSecureContext](https://nodejs.org/docs/latest-v20.x/api/tls.html#tlscreatesecurecontextoptions)
 */
export interface TlsOptions extends Pick<SecureContextOptions, 'cert' | 'key' | 'ca' | 'pfx' | 'passphrase'> {
  /** `false` switches certificate checks off, and is warned of at bootstrap. Left out, Node's own rule holds. */
  rejectUnauthorized?: boolean;
}

/** TLS options, or a function that is called for each new connection: a certificate that is rotated needs no restart. */
export type TlsSource = TlsOptions | (() => TlsOptions | Promise<TlsOptions>);

/** The client certificates of TLS options as texts, the same for the same bytes: tokens may be bound to them. */
export function certificatesOf(tls: TlsOptions | undefined): readonly string[] {
  return [tls?.cert ?? [], tls?.pfx ?? []].flat().map((part) => {
    const bytes: unknown = (part as { buf?: unknown }).buf ?? part;
    return (typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes as Uint8Array)).toString('base64');
  });
}

/** The options of {@link TlsOptions}. */
export const TLS_RULES: OptionRules<TlsOptions> = Object.freeze({
  cert: RULES.any,
  key: RULES.any,
  ca: RULES.any,
  pfx: RULES.any,
  passphrase: RULES.any,
  rejectUnauthorized: RULES.switch,
});

/** @throws {ConfigurationError} when Node cannot make anything of a certificate or key */
export function checkTls(tls: unknown, place: OptionPlace): void {
  const { refuse, prefix = '' } = place;
  if (typeof tls === 'function') return;
  checkOption(`${prefix}tls`, tls, RULES.record, place);
  if (tls === undefined) return;
  checkOptions(tls, TLS_RULES, { ...place, prefix: `${prefix}tls.` });
  // OpenSSL passes over what is no certificate, and would then trust nobody.
  const { ca } = tls as TlsOptions;
  if (![ca ?? []].flat().every((part) => String(part).includes('-----BEGIN ')))
    throw refuse(`${prefix}tls.ca must be certificates as PEM texts or Buffers.`);
  const { passphrase } = tls as TlsOptions;
  const fault = typeof passphrase === 'string' ? mountedTextFault(passphrase) : undefined;
  if (fault !== undefined) throw refuse(`${prefix}tls.passphrase ${fault}. Was it read from a file? Trim it.`);
  try {
    createSecureContext(tls as TlsOptions);
  } catch (error) {
    throw refuse(
      `${prefix}tls cannot be used: ${unusableTls(tls as TlsOptions, String((error as { code?: unknown }).code ?? ''), prefix)}.`,
    );
  }
}
