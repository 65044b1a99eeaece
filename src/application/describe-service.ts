import { originOf } from '../http/origin.js';
import type { TokenFetchPipeline } from '../pipeline/token-fetch-pipeline.js';
import type { Token } from '../token/token.js';
import type { ServiceActivity } from './activity.js';
import type { ServiceRuntime } from './service-runtime.js';
import type { PipelineState, ServiceState, TokenState } from './state.js';

/** Characters of a fingerprint that are shown. */
const SHOWN_FINGERPRINT = 8;

/** Returns the state of a service. @param now epoch milliseconds */
export function describeService(entry: ServiceRuntime, activity: Readonly<ServiceActivity>, now: number): ServiceState {
  const { name, core, tokens, pipeline } = entry;
  const base = core?.service.base?.href ?? entry.baseUrl;
  const origin = base !== undefined && URL.canParse(base) ? originOf(base) : undefined;
  return {
    name,
    ...(origin === undefined ? undefined : { origin }),
    ...(entry.closed ? { closed: true as const } : undefined),
    ...(tokens === undefined ? undefined : { token: describeToken(tokens.peek(), activity, now) }),
    ...(core?.circuit === undefined ? undefined : { circuit: core.circuit.state }),
    ...(pipeline === undefined ? undefined : { pipeline: describePipeline(pipeline) }),
  };
}

function describeToken(token: Token | undefined, activity: Readonly<ServiceActivity>, now: number): TokenState {
  const { lastRenewal, lastFailure, backoffUntil, renewalPausedUntil, rejections } = activity;
  const { expiresAt } = token ?? {};
  return {
    held: token !== undefined,
    ...(token === undefined ? undefined : { fingerprint: token.fingerprint.slice(0, SHOWN_FINGERPRINT) }),
    ...(token === undefined || lastRenewal === undefined
      ? undefined
      : { obtainedAt: lastRenewal.at, ageMs: Math.max(0, now - lastRenewal.at) }),
    ...(expiresAt === undefined ? undefined : { expiresAt, expiresInMs: expiresAt - now }),
    ...(lastRenewal === undefined ? undefined : { lastRenewal: { ...lastRenewal } }),
    ...(lastFailure === undefined ? undefined : { lastFailure: { ...lastFailure } }),
    ...(backoffUntil === undefined || backoffUntil <= now ? undefined : { backoffUntil }),
    ...(renewalPausedUntil === undefined || renewalPausedUntil <= now ? undefined : { renewalPausedUntil }),
    rejections,
  };
}

function describePipeline(pipeline: TokenFetchPipeline): PipelineState {
  return { steps: pipeline.describe(), mermaid: pipeline.toMermaid() };
}
