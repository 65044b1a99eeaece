import { Octokit } from '@octokit/core';
import type { ForgeHttpClient } from 'nestjs-forge-auth';

/** Without `auth` Octokit sends no credential of its own. */
export function createOctokit(client: ForgeHttpClient, baseUrl: string): Octokit {
  return new Octokit({ baseUrl, request: { fetch: client.fetch } });
}
