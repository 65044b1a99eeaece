/** What one grant adds to a token request. */
export interface Grant {
  readonly grantType: string;
  /** Parameters of the request, secrets among them. */
  parameters(): Promise<Readonly<Record<string, string>>>;
  /** What of it tells two tokens apart; secrets only as fingerprints. */
  keyParts(): Promise<readonly string[]>;
  /** Reads secrets again. Answers whether one has changed. */
  reread?(): Promise<boolean>;
}
