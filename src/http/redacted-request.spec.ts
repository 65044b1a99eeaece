import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { RedactedRequest } from './redacted-request.js';

function shown(method: string, url: string, headers: Record<string, string>): RedactedRequest {
  return new RedactedRequest({ method, url, headers });
}

/** The arguments that a shell hands to curl. */
function argumentsOf(command: string): string[] {
  const script = `curl() { printf '%s\\0' "$@"; }\n${command}`;
  return execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' }).split('\0').slice(0, -1);
}

describe('RedactedRequest', () => {
  it('masks every header that is not known to be harmless', () => {
    const { headers } = shown('GET', 'https://x.example/', {
      authorization: 'Bearer t',
      cookie: 'c',
      'x-api-key': 'k',
      'x-anything': 'a',
      accept: 'text/plain',
    });
    expect(headers).toEqual({
      authorization: '[redacted]',
      cookie: '[redacted]',
      'x-api-key': '[redacted]',
      'x-anything': '[redacted]',
      accept: 'text/plain',
    });
  });

  it('leaves query, fragment and user info out of the URL', () => {
    expect(shown('GET', 'https://u:p@x.example/a?b=c#d', {}).url).toBe('https://x.example/a');
  });

  it('writes a curl command', () => {
    expect(shown('POST', 'https://x.example/a', { accept: 'a/b', authorization: 'Bearer t' }).toCurl()).toBe(
      "curl -X 'POST' -H 'accept: a/b' -H 'authorization: [redacted]' 'https://x.example/a'",
    );
  });

  it('writes one that does what the request did', () => {
    expect(argumentsOf(shown('HEAD', 'https://x.example/a', {}).toCurl())).toEqual(['--head', 'https://x.example/a']);
    // To curl a range, without --globoff: three requests.
    expect(argumentsOf(shown('GET', 'https://x.example/a[1-3]', {}).toCurl())).toEqual([
      '-X',
      'GET',
      '--globoff',
      'https://x.example/a[1-3]',
    ]);
  });

  it('quotes for a shell, so that nothing in a request is run', () => {
    const printable = fc.string({ unit: fc.constantFrom(...'\'"`$();&|<>\\ !*?{}~#%\nab'), maxLength: 30 });
    fc.assert(
      fc.property(printable, printable, (path, value) => {
        const url = new URL(`https://x.example/${path}`);
        const request = shown('GET', url.href, { 'user-agent': value });
        expect(argumentsOf(request.toCurl())).toEqual([
          '-X',
          'GET',
          '-H',
          `user-agent: ${value}`,
          'https://x.example' + url.pathname,
        ]);
      }),
      { numRuns: 50 },
    );
  });
});
