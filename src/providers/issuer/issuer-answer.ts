import type { Configuration } from 'openid-client';
import { AuthenticationError } from '../../errors.js';
import type { ComplianceResponse } from '../compliance.js';
import type { EndpointOptions } from './endpoints.js';
import type { IssuerExchange } from './issuer-exchange.js';
import { readTokenAnswer } from './token-response.js';

/** A request whose answer is no token. */
interface AnswerRequest {
  /** For messages: `Device authorization`. */
  readonly verb: string;
  /** Option that says where to ask. */
  readonly option: keyof EndpointOptions;
}

/**
 * The JSON of an endpoint that answers no token: a pushed request, a device or backchannel authorization. Any 2xx will
 * do.
 * @param perform calls the function of `openid-client` that writes the request
 * @throws {AuthenticationError} with the issuer's error code
 */
export async function issuerAnswer(
  exchange: IssuerExchange,
  { verb, option }: AnswerRequest,
  perform: (configuration: Configuration) => Promise<unknown>,
): Promise<Record<string, unknown>> {
  let seen: ComplianceResponse | undefined;
  // Of a request that is sent again, for a nonce, the first answer says nothing.
  const requestHook = (): void => {
    seen = undefined;
  };
  const responseHook = (response: ComplianceResponse): void => {
    seen = response;
  };
  try {
    return (await exchange.send({ verb, perform, raw: true, requestHook, responseHook })).answer;
  } catch (error) {
    if (seen === undefined || exchange.signal.aborted) throw error;
    return readTokenAnswer(seen, `${verb} for ${exchange.issuer.label}`, exchange.issuer.now(), option);
  }
}

/** Returns a member of such an answer. @throws {AuthenticationError} FORGE_AUTH_TOKEN_RESPONSE_INVALID when it is not there */
export function textIn(answer: Readonly<Record<string, unknown>>, name: string): string {
  const value = answer[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new AuthenticationError(`The issuer's answer has no ${name}.`, { code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID' });
}
