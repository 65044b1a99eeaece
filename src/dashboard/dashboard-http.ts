import { ownJson } from '../option-check/own-json.js';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** A request as Express or Fastify hand it over. */
export type DashboardRequest = IncomingMessage | { readonly raw: IncomingMessage };

/** A response as Express or Fastify hand it over. */
export type DashboardResponse = ServerResponse | { readonly raw: ServerResponse; hijack(): unknown };

/** Node's own request below either. */
export function rawRequest(request: DashboardRequest): IncomingMessage {
  return 'raw' in request ? request.raw : request;
}

/** Returns Node's own response below either; Fastify then leaves it alone. */
export function rawResponse(response: DashboardResponse): ServerResponse {
  if (!('raw' in response)) return response;
  response.hijack();
  return response.raw;
}

/** Policy of the page: it may load its own script and style, talk to its own origin, and nothing else. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Sent with everything. */
const HEADERS: OutgoingHttpHeaders = Object.freeze({
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
});

/** Starts an answer. */
export function start(response: ServerResponse, status: number, headers: OutgoingHttpHeaders): void {
  response.writeHead(status, { ...HEADERS, ...headers });
}

/** Answers with a text. */
export function answer(
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
  headers: OutgoingHttpHeaders = {},
): void {
  start(response, status, { 'Content-Type': `${type}; charset=utf-8`, ...headers });
  response.end(body);
}

/** Answers with JSON. */
export function answerJson(response: ServerResponse, status: number, value: unknown): void {
  answer(response, status, 'application/json', ownJson(value));
}
