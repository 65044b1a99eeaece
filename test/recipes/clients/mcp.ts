import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { ForgeHttpClient } from 'nestjs-forge-auth';

/** Connects to the MCP server at `url`, which is below the base URL of the client's service. */
export async function connectToMcp(client: ForgeHttpClient, url: string): Promise<Client> {
  const mcp = new Client({ name: 'my-app', version: '1.0.0' });
  await mcp.connect(new StreamableHTTPClientTransport(new URL(url), { fetch: client.fetch }));
  return mcp;
}
