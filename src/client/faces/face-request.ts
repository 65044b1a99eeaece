import type { BodySource } from '../../http/request-body.js';
import type { ForgeRequest } from '../request/request-config.js';

/** What a face may say of a call beside what the app may: parts that it has already made ready. */
export interface FaceRequest extends ForgeRequest {
  /** Takes the place of `data`. */
  body?: BodySource | undefined;
  /** Lower-case names of headers that are not sent, whoever would write them. */
  withheld?: ReadonlySet<string> | undefined;
  /** What only the axios transport reads. */
  axios?: Readonly<Record<string, unknown>> | undefined;
}
