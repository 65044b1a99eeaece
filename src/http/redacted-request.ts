import { redactHeaders, redactUrl } from '../redaction/redact.js';
import type { HttpRequest } from './http-request.js';

/** View of a request that may be shown: method, origin and path, and headers with every doubtful value masked. */
export class RedactedRequest {
  readonly method: string;
  /** Origin and path. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(request: Pick<HttpRequest, 'method' | 'url' | 'headers'>) {
    this.method = request.method;
    this.url = redactUrl(request.url);
    this.headers = redactHeaders(request.headers);
  }

  /** A curl command line, masked and quoted for a POSIX shell. Bodies and query strings are left out. */
  toCurl(): string {
    const headers = Object.entries(this.headers).map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`);
    // With -X curl would wait for the body that a HEAD never has.
    const method = this.method === 'HEAD' ? ['--head'] : ['-X', quote(this.method)];
    // Brackets in a path are ranges to curl: one command, many requests.
    const literally = this.url.includes('[') ? ['--globoff'] : [];
    return ['curl', ...method, ...literally, ...headers, quote(this.url)].join(' ');
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
