// Keeps the tokens of many users, and tells what is left of it. Usage: node --expose-gc many-users.mjs <entry> <users>
const [entry, count] = process.argv.slice(2);
const users = Number(count);
const { AuthorizationCodeTokenProvider, Token, TokenManager } = await import(entry);

const provider = new AuthorizationCodeTokenProvider({
  tokenUrl: 'http://127.0.0.1:9/token',
  authorizationUrl: 'http://127.0.0.1:9/authorize',
  clientId: 'calendar-app',
  authMethod: 'none',
  redirectUri: 'https://app.example/callback',
});
// Stands for a store elsewhere: what is in it takes no memory here.
const storage = { get: async () => undefined, set: async () => undefined };
const manager = new TokenManager({ name: 'calendar', provider, storage });

async function serve(first, last) {
  let refused = 0;
  for (let next = first; next < last; next += 1) {
    const tokens = manager.forSubject(`user-${next}`);
    await tokens.getToken().catch(({ code }) => (refused += code === 'FORGE_AUTH_AUTHORIZATION_REQUIRED' ? 1 : 0));
    const accessToken = `access-${next}-${'x'.repeat(500)}`;
    await tokens.setToken(
      new Token({ accessToken, refreshToken: `refresh-${next}`, expiresAt: Date.now() + 3_600_000 }),
    );
    await tokens.getToken();
  }
  return refused;
}

async function heap() {
  for (let turns = 0; turns < 5; turns += 1) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return process.memoryUsage().heapUsed;
}

const refused = [await serve(0, users / 2)];
const before = await heap();
refused.push(await serve(users / 2, users));
const after = await heap();
await manager.close();
process.send({ before, after, refused });
process.disconnect();
