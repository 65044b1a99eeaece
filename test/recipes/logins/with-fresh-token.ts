import type { TokenManager } from 'nestjs-forge-auth';

/** Does what logs in with the manager's token; once more, with a new one, if the token was refused before its time. */
export async function withFreshToken<T>(
  tokens: TokenManager,
  isRefusal: (error: unknown) => boolean,
  work: () => Promise<T>,
): Promise<T> {
  const token = await tokens.getToken();
  try {
    return await work();
  } catch (error) {
    if (!isRefusal(error)) throw error;
    await tokens.invalidate(token);
    return work();
  }
}
