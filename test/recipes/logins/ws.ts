import { once } from 'node:events';
import type { TokenManager } from 'nestjs-forge-auth';
import { WebSocket } from 'ws';

/** An open WebSocket. A handshake that the server refuses with 401 is tried once more, with a new token. */
export async function connectWebSocket(tokens: TokenManager, url: string): Promise<WebSocket> {
  const token = await tokens.getToken();
  const first = await open(url, token.authorizationHeader);
  if (first !== 401) return first;
  await tokens.invalidate(token);
  const second = await open(url, (await tokens.getToken()).authorizationHeader);
  if (second === 401) throw new Error(`${new URL(url).origin} refuses our tokens.`);
  return second;
}

async function open(url: string, authorization: string): Promise<WebSocket | 401> {
  const socket = new WebSocket(url, { headers: { authorization } });
  let status: number | undefined;
  socket.once('upgrade', (response) => (status = response.statusCode));
  socket.once('unexpected-response', (request, response) => {
    status = response.statusCode;
    request.destroy(new Error(`The handshake was answered with ${status}.`));
  });
  try {
    await once(socket, 'open');
    return socket;
  } catch (error) {
    if (status === 401) return 401;
    throw error;
  }
}
