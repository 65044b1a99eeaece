import { AuthorizationCodeTokenProvider, InMemoryTokenStorage, Token, TokenManager } from 'nestjs-forge-auth';
import { times } from '../support/async.js';

function managerOn(storage: InMemoryTokenStorage): TokenManager {
  const provider = new AuthorizationCodeTokenProvider({
    // Nobody is there: nothing is asked for.
    tokenUrl: 'http://127.0.0.1:1/token',
    authorizationUrl: 'http://127.0.0.1:1/authorize',
    clientId: 'calendar',
    authMethod: 'none',
    redirectUri: 'https://app.example/callback',
  });
  return new TokenManager({ name: 'calendar', provider, storage });
}

it('a bounded memory keeps the refresh token of every user, and, within its bounds, what can be renewed', async () => {
  const storage = new InMemoryTokenStorage({ max: 10 });
  const first = managerOn(storage);
  const expiresAt = Date.now() + 3_600_000;
  for (const index of times(200, (each) => each)) {
    const refreshToken = `refresh-${index}`;
    await first
      .forSubject(`user-${index}`)
      .setToken(new Token({ accessToken: `access-${index}`, refreshToken, expiresAt }));
    // Somebody else's, without a refresh token.
    await first.forSubject(`guest-${index}`).setToken(new Token({ accessToken: `guest-${index}`, expiresAt }));
  }
  // Another manager on the same memory knows what is in it, and nothing else.
  const second = managerOn(storage);
  const kept = async (name: string): Promise<number> =>
    (await Promise.all(times(200, (index) => second.forSubject(`${name}-${index}`).has()))).filter(Boolean).length;
  expect([await kept('user'), await kept('guest')]).toEqual([200, 10]);
  await Promise.all([first.close(), second.close()]);
});
