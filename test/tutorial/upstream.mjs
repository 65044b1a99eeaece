import { createServer } from 'node:http';

let current = '';
createServer((request, response) => {
  response.setHeader('content-type', 'application/json');
  if (request.url === '/token') {
    current = Math.random().toString(36).slice(2);
    process.stdout.write('a token was requested\n');
    response.end(JSON.stringify({ access_token: current, token_type: 'Bearer', expires_in: 20 }));
  } else if (request.headers.authorization === `Bearer ${current}`) {
    response.end(JSON.stringify({ item: 'anvil' }));
  } else {
    response.statusCode = 401;
    response.end('{}');
  }
}).listen(process.env.UPSTREAM_PORT ?? 4000, () => process.stdout.write('ready\n'));
