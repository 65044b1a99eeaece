import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { InvalidRequestError } from '../../errors.js';
import type { HttpHeaders, HttpRequest } from '../../http/http-request.js';
import type { OAuth1BodyHash } from './signature-method.js';

/**
 * Checks whether the body is a form, whose parameters are signed.
 * @see [RFC 5849 §3.4.1.3.1](https://www.rfc-editor.org/rfc/rfc5849#section-3.4.1.3.1)
 */
export function isForm({ headers }: { readonly headers: HttpHeaders }): boolean {
  const type = String(headers['content-type'] ?? '').split(';', 1)[0] ?? '';
  return type.trim().toLowerCase() === 'application/x-www-form-urlencoded';
}

/** The octets of a form, one character for each. @throws {InvalidRequestError} when it is a stream */
export function formOf(request: HttpRequest): string {
  return octetsOf(request, 'A form is signed by its parameters').toString('latin1');
}

/** Puts a form back, as it was given: text or octets. */
export function putForm(request: HttpRequest, form: string): void {
  const octets = Buffer.from(form, 'latin1');
  request.body = Buffer.isBuffer(request.body) ? octets : octets.toString('utf8');
}

/**
 * The value of `oauth_body_hash`: of no body, the hash of nothing.
 * @throws {InvalidRequestError} when the body is a stream
 * @see [OAuth Request Body Hash §3.2](https://datatracker.ietf.org/doc/html/draft-eaton-oauth-bodyhash-00#section-3.2)
 */
export function bodyHashOf(request: HttpRequest, hash: OAuth1BodyHash): string {
  return createHash(hash).update(octetsOf(request, 'bodyHash signs the body')).digest('base64');
}

function octetsOf({ body }: HttpRequest, why: string): Buffer {
  if (body instanceof Readable) {
    throw new InvalidRequestError(
      `OAuth1Auth: ${why}, and a stream can be read only once. Give it as a Buffer or text.`,
    );
  }
  return typeof body === 'string' ? Buffer.from(body, 'utf8') : (body ?? Buffer.alloc(0));
}
