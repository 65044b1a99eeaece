import { Client } from '@elastic/elasticsearch';
import { BaseConnection, type ConnectionRequestOptions, type ConnectionRequestParams } from '@elastic/transport';
import type { ForgeHttpClient } from 'nestjs-forge-auth';

/** `node` has the origin of the client's service. The service's `retry` retries: the cluster's client does not. */
export function createElasticsearch(client: ForgeHttpClient, node: string): Client {
  return new Client({ node, Connection: overClient(client), maxRetries: 0 });
}

/** A connection to a node of the cluster whose requests the client sends. */
function overClient(client: ForgeHttpClient): typeof BaseConnection {
  return class extends BaseConnection {
    override async request(params: ConnectionRequestParams, options: ConnectionRequestOptions): Promise<never> {
      const url = new URL(`${this.url.pathname.replace(/\/$/, '')}${params.path}`, this.url);
      url.search = params.querystring ?? '';
      const answer = await client.request<Buffer>({
        url: url.href,
        method: params.method,
        headers: Object.fromEntries(Object.entries({ ...this.headers, ...params.headers }).map(toText)),
        data: params.body ?? undefined,
        responseType: 'asStream' in options && options.asStream === true ? 'stream' : 'arraybuffer',
        validateStatus: () => true,
        ...(options.signal && { signal: options.signal }),
        ...(options.timeout !== undefined && { totalTimeoutMs: options.timeout }),
      });
      return { statusCode: answer.status, headers: answer.headers, body: answer.data } as never;
    }
  };
}

const toText = ([name, value]: [string, unknown]): [string, string] => [name, String(value)];
