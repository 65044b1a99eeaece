import type { IssuerAuthorizations } from './issuer-authorizations.js';
import type { IssuerKeys } from './issuer-keys.js';
import type { IssuerScript } from './issuer-script.js';
import type { IssuerTokens } from './issuer-tokens.js';
import type { ResolvedIssuerOptions } from './test-issuer.options.js';

/** State of an issuer: its endpoints share it. */
export interface IssuerState {
  readonly issuer: string;
  readonly options: ResolvedIssuerOptions;
  readonly keys: IssuerKeys;
  readonly tokens: IssuerTokens;
  readonly authorizations: IssuerAuthorizations;
  readonly script: IssuerScript;
}
