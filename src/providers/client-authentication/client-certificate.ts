/** Checks whether TLS options hold a client certificate; a function is taken to. */
export function hasCertificate(tls: unknown): boolean {
  if (typeof tls === 'function') return true;
  const { cert, pfx } = (tls ?? {}) as { cert?: unknown; pfx?: unknown };
  return cert !== undefined || pfx !== undefined;
}
