/**
 * Token endpoint and API, in a process of their own: their CPU time is not the client's.
 * Reports its origin when it listens, and how many tokens it gave out when it is asked.
 */
import { createServer } from 'node:http';

const ACCESS_TOKEN = 'a-token-as-long-as-opaque-ones-are-0123456789';
const ORDER = JSON.stringify({ id: 7, status: 'shipped', lines: [{ sku: 'A-1', quantity: 2 }], total: 42.5 });
let tokenRequests = 0;

/** Tokens live a day, or as many seconds as `life` says; `wait` is how many milliseconds the answer takes. */
function token(search) {
  tokenRequests += 1;
  const life = Number(search.get('life') ?? 86_400);
  // Of one length, and distinguishable, where they are replaced.
  const mark = search.has('life') ? String(tokenRequests).padStart(6, '0') : '';
  return JSON.stringify({ access_token: ACCESS_TOKEN + mark, token_type: 'Bearer', expires_in: life });
}

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  request.resume();
  if (request.url.startsWith('/token')) {
    const { searchParams } = new URL(request.url, 'http://localhost');
    setTimeout(() => answer(response, 200, token(searchParams)), Number(searchParams.get('wait') ?? 0));
  } else if (request.headers.authorization?.startsWith(`Bearer ${ACCESS_TOKEN}`)) {
    answer(response, 200, ORDER);
  } else {
    answer(response, 401, '{"error":"invalid_token"}');
  }
});

function answer(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

server.listen(0, '127.0.0.1', () => {
  process.send({ origin: `http://127.0.0.1:${server.address().port}`, accessToken: ACCESS_TOKEN });
});
process.on('message', () => process.send({ tokenRequests }));
process.on('disconnect', () => process.exit());
