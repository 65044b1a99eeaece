import { expectNoSecrets } from '../support/secrets.js';
import type { Handler, RecordingServer } from '../support/recording-server.js';

/** Returns everything that a server received: request lines, headers and bodies. */
export function everythingToldTo(server: RecordingServer): string {
  return server.requests
    .map(({ method, url, rawHeaders, text }) =>
      [
        `${method} ${url}`,
        decodeURIComponent(url),
        decodeURIComponent(decodeURIComponent(url)),
        ...rawHeaders,
        text,
      ].join('\n'),
    )
    .join('\n\n');
}

/** Fails unless the server received `count` requests, none of them with one of the secrets in it. */
export function expectNothingToldTo(server: RecordingServer, count: number, secrets: readonly string[]): void {
  expect(server.requests).toHaveLength(count);
  expectNoSecrets(everythingToldTo(server), secrets);
}

/** Answers every request with a redirect to what `target` says. */
export function redirectTo(target: string | ((url: string) => string), status = 302): Handler {
  return ({ url }, response) => {
    response.writeHead(status, { location: typeof target === 'string' ? target : target(url) }).end();
  };
}

/** Answers every request with an empty JSON object. */
export const welcome: Handler = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
};
