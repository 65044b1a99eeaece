import { AuthenticationError } from '../../errors.js';

/** Checks whether the issuer refused a step's own request in a way that newer tokens of earlier steps may cure. */
export function isRefusal(error: unknown, step: string): boolean {
  if (!(error instanceof AuthenticationError) || error.step !== step) return false;
  return error.status === 401 || error.status === 403 || error.error === 'invalid_grant';
}

/** The error of a step after others were tried for it: names the step that failed, and the chain that led there. */
export function chainError(error: unknown, step: string, renewed: readonly string[]): unknown {
  if (!(error instanceof AuthenticationError)) return error;
  const failed = error.chain ?? (error.step === undefined || error.step === step ? [] : [error.step]);
  const chain = [step, ...renewed, ...failed];
  if (chain.length === 1) return error;
  const root = error.chain !== undefined && error.cause instanceof AuthenticationError ? error.cause : error;
  const { status, error: code, errorDescription, transient, retryAfterMs, serviceName } = root;
  return new AuthenticationError(`${root.message} Tried: ${chain.join(' → ')}.`, {
    code: root.code,
    cause: root,
    chain,
    transient,
    ...(root.step === undefined ? undefined : { step: root.step }),
    ...(status === undefined ? undefined : { status }),
    ...(code === undefined ? undefined : { error: code }),
    ...(errorDescription === undefined ? undefined : { errorDescription }),
    ...(retryAfterMs === undefined ? undefined : { retryAfterMs }),
    ...(serviceName === undefined ? undefined : { serviceName }),
  });
}
