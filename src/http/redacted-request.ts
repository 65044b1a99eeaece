import { redactHeaders, redactUrl } from '../redact.js';
import type { HttpRequest } from './http-request.js';

/** What may be shown of a request: method, origin and path, and headers with every doubtful value masked. */
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
    return ['curl', '-X', quote(this.method), ...headers, quote(this.url)].join(' ');
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
