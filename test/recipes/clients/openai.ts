import type { ForgeHttpClient } from 'nestjs-forge-auth';
import OpenAI from 'openai';

/** The service of the client says `replaceCredential: true`: the SDK insists on a key, and sends it. */
export function createOpenAi(client: ForgeHttpClient, baseURL: string): OpenAI {
  return new OpenAI({ baseURL, apiKey: 'not-used', fetch: client.fetch, maxRetries: 0 });
}
