import type { Token, TokenManager } from 'nestjs-forge-auth';
import { io, type Socket } from 'socket.io-client';

/** A socket that shows the token at each handshake, when it connects again, too. The server finds it at `handshake.auth.token`. */
export function connectSocketIo(tokens: TokenManager, url: string): Socket {
  let shown: Token | undefined;
  let replaced = false;
  const socket = io(url, {
    auth: (answer) => {
      tokens.getToken().then(
        (token) => answer({ token: (shown = token).accessToken }),
        // Without a token nothing is sent: the connection is closed, and tried again after a while.
        () => socket.io.engine.close(),
      );
    },
  });
  socket.on('connect', () => (replaced = false));
  socket.on('connect_error', () => {
    // The socket is active while it goes on by itself; it is not when the server has refused the handshake.
    if (socket.active || replaced) return;
    replaced = true;
    void tokens.invalidate(shown).then(() => socket.connect());
  });
  return socket;
}
