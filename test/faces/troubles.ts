import type { Handler } from '../support/recording-server.js';

/** Paths that make trouble, the same for every face. */
export const TROUBLES: Readonly<Record<string, Handler>> = {
  '/boom': (_request, response) => void response.writeHead(503).end('down'),
  '/redirect-307': (_request, response) => void response.writeHead(307, { location: '/echo' }).end(),
  '/loop': (_request, response) => void response.writeHead(302, { location: '/loop' }).end(),
  '/hang': () => undefined,
  '/reset': (_request, response) => void response.socket?.resetAndDestroy(),
  '/truncated': (_request, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('not all of it', () => response.socket?.destroy());
  },
};
