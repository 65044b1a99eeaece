import { mountedData } from '../../option-check/mounted-text.js';
import { InvalidRequestError } from '../../errors.js';
import type { Token } from '../../token/token.js';
import type { GrantExchange } from '../grants/grant.js';
import { tokenParameters } from '../grants/token-parameters.js';
import type { GrantOptions } from '../grant-options.js';
import { issuerAnswer, textIn } from '../issuer/issuer-answer.js';
import { pendingOf, pollForToken } from './poll-for-token.js';

/** Options of {@link BackchannelTokenProvider}. */
export interface BackchannelTokenProviderOptions extends GrantOptions {
  /** Person to be asked: a text, or a function of the app's name for the user. */
  loginHint: string | ((subject: string | undefined) => string | Promise<string>);
  /** Shown to the person, on their device and on ours: a few words. Left out: none. */
  bindingMessage?: string;
}

const BACKCHANNEL_AUTHENTICATION = Object.freeze({
  verb: 'Backchannel authentication',
  option: 'backchannelAuthenticationUrl',
});

/** Has a person asked on a device of theirs, and polls for the token. */
export async function obtain(options: BackchannelTokenProviderOptions, context: GrantExchange): Promise<Token> {
  const { exchange, issuer, request, clock } = context;
  const { loginHint, bindingMessage } = options;
  await issuer.endpoint('backchannel_authentication_endpoint');
  const hint = mountedData(typeof loginHint === 'function' ? await loginHint(request.subject) : loginHint);
  if (typeof hint !== 'string' || hint === '')
    throw new InvalidRequestError(`${issuer.owner}: loginHint returned no text.`);
  const startedAt = clock.now();
  const own = { login_hint: hint, ...(bindingMessage === undefined ? undefined : { binding_message: bindingMessage }) };
  const parameters = tokenParameters(own, options, request);
  const answer = await issuerAnswer(exchange, BACKCHANNEL_AUTHENTICATION, async (to) => {
    const { initiateBackchannelAuthentication } = await import('openid-client');
    return initiateBackchannelAuthentication(to, parameters);
  });
  return pollForToken(context, pendingOf(answer, startedAt), { auth_req_id: textIn(answer, 'auth_req_id') });
}
