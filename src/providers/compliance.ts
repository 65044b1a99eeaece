/** A request to the issuer, before it is sent. */
export interface ComplianceRequest {
  method: string;
  url: string;
  /** Names are lower-case. */
  headers: Record<string, string>;
  body: URLSearchParams;
}

/** A request as it is sent: a text, such as JSON, takes the place of the form; set its `content-type`. */
export type AdjustedComplianceRequest = Omit<ComplianceRequest, 'body'> & { body: URLSearchParams | string };

/** An answer of the issuer, before it is understood. */
export interface ComplianceResponse {
  /** HTTP status. */
  status: number;
  /** Names are lower-case. */
  headers: Readonly<Record<string, string | string[]>>;
  /** The parsed JSON, or the text where it is none. */
  body: unknown;
}

/** Changes a request in place, or answers another one. */
export type RequestComplianceHook = (
  request: ComplianceRequest,
) => AdjustedComplianceRequest | void | Promise<AdjustedComplianceRequest | void>;
/** Changes an answer in place, or answers another one. */
export type ResponseComplianceHook = (
  response: ComplianceResponse,
) => ComplianceResponse | void | Promise<ComplianceResponse | void>;

/** A call to the service, as `protectedRequest` sees it. */
export interface ProtectedRequest {
  readonly method: string;
  url: string;
  /** Names are lower-case. */
  headers: Record<string, string | string[]>;
}

/** Changes a call in place, or answers another one. */
export type ProtectedRequestComplianceHook = (
  request: ProtectedRequest,
) => Partial<ProtectedRequest> | void | Promise<Partial<ProtectedRequest> | void>;

/**
 * Hooks for an issuer that does not follow the RFCs. What the hooks see holds secrets; what they throw is shown as other errors of the app are (`revealCauses`).
 */
export interface Compliance {
  /** Changes the request for a new token before it is sent. */
  tokenRequest?: RequestComplianceHook;
  /** Changes the answer to it before it is read. */
  tokenResponse?: ResponseComplianceHook;
  /** Changes the request of a refresh before it is sent. */
  refreshRequest?: RequestComplianceHook;
  /** Changes the answer to it before it is read. */
  refreshResponse?: ResponseComplianceHook;
  /**
   * Changes a call to the service before its token is written to it and signed: its URL (on the same origin), its headers.
   */
  protectedRequest?: ProtectedRequestComplianceHook;
  /** Changes the request of a revocation before it is sent. */
  revokeRequest?: RequestComplianceHook;
  /** Changes the request of an introspection before it is sent. */
  introspectRequest?: RequestComplianceHook;
}
