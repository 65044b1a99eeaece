import type { IncomingMessage } from 'node:http';
import { serve } from './server.js';

/** One request, as an API saw it. */
export interface SeenRequest {
  readonly path: string;
  /** The token or key that it carried. */
  readonly credential: string | undefined;
  readonly status: number;
}

/** A running API, and what it saw. */
export interface ProtectedApi {
  readonly origin: string;
  /** All requests since the last `forget()`, in order of arrival. */
  readonly seen: readonly SeenRequest[];
  /** Number of them that were answered so. */
  answered(status: number): number;
  /** The different credentials among them, oldest first. */
  readonly credentials: readonly string[];
  forget(): void;
  close(): Promise<void>;
}

/** Options that make one API different from another. */
export interface ProtectedApiOptions {
  /** Reads the credential from a request. */
  credentialOf(request: IncomingMessage): string | undefined;
  isValid(credential: string): boolean | Promise<boolean>;
}

/** Starts an API that answers 401 without a valid credential. `/health` and everything below `/public` are open. */
export async function startProtectedApi({ credentialOf, isValid }: ProtectedApiOptions): Promise<ProtectedApi> {
  let seen: SeenRequest[] = [];
  const server = await serve(() => async (request, response) => {
    const path = request.url ?? '/';
    const credential = credentialOf(request);
    const open = path === '/health' || path.startsWith('/public/');
    const status = open || (credential !== undefined && (await isValid(credential))) ? 200 : 401;
    seen.push({ path, credential, status });
    const answer = status === 200 ? { path, answeredAt: new Date().toISOString() } : { error: 'unauthorized' };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  return {
    origin: server.origin,
    get seen() {
      return seen;
    },
    answered: (status) => seen.filter((request) => request.status === status).length,
    get credentials() {
      return [...new Set(seen.flatMap(({ credential }) => credential ?? []))];
    },
    forget() {
      seen = [];
    },
    close: () => server.close(),
  };
}

/** As most APIs want it (RFC 6750 §2.1). */
export function bearerToken({ headers }: IncomingMessage): string | undefined {
  return /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];
}

/** As many others do. */
export function apiKey({ headers }: IncomingMessage): string | undefined {
  return headers['x-api-key']?.toString();
}
