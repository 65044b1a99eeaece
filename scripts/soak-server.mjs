/**
 * Token endpoint and API of the soak, in a process of their own. Tokens live a minute and are revoked when the parent
 * says so; of the answers of the API some are failures, some late, and some none at all.
 */
import { createServer } from 'node:http';

const TOKEN_LIFE_S = 60;
/** Shares of calls that end so. */
const SHARE = { unavailable: 0.01, cut: 0.005, late: 0.005, tokenUnavailable: 0.005 };
const LATE_MS = 200;

let generation = 0;
let issued = 0;

/** Tokens name their generation: those of an earlier one were revoked. */
function issue() {
  issued += 1;
  return { access_token: `${generation}.${issued}.${Date.now()}`, token_type: 'Bearer', expires_in: TOKEN_LIFE_S };
}

function isValid(authorization = '') {
  const [of, , at] = authorization.replace('Bearer ', '').split('.');
  return Number(of) === generation && Date.now() - Number(at) < TOKEN_LIFE_S * 1_000;
}

function answer(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

const server = createServer({ keepAliveTimeout: 5_000 }, (request, response) => {
  request.resume();
  const luck = Math.random();
  if (request.url === '/token') {
    return luck < SHARE.tokenUnavailable
      ? answer(response, 503, { error: 'temporarily_unavailable' })
      : answer(response, 200, issue());
  }
  if (!isValid(request.headers.authorization)) return answer(response, 401, { error: 'invalid_token' });
  if (luck < SHARE.unavailable) return answer(response, 503, { error: 'busy' });
  if (luck < SHARE.unavailable + SHARE.cut) return response.socket.destroy();
  const late = luck > 1 - SHARE.late;
  setTimeout(() => answer(response, 200, { id: 7, lines: ['a', 'b', 'c'] }), late ? LATE_MS : 0);
});

server.listen(0, '127.0.0.1', () => process.send({ origin: `http://127.0.0.1:${server.address().port}` }));
process.on('message', () => (generation += 1));
process.on('disconnect', () => process.exit());
