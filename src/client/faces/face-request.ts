import type { BodySource } from '../../http/body/request-body.js';
import type { ForgeRequest } from '../request/request-config.js';

/** Request of a face: beside what the app may say, it holds parts that are already made ready. */
export interface FaceRequest extends ForgeRequest {
  /** Takes the place of `data`. */
  body?: BodySource | undefined;
  /** Lower-case names of headers that are not sent, whoever would write them. */
  withheld?: ReadonlySet<string> | undefined;
  /** Options that only the axios transport reads. */
  axios?: Readonly<Record<string, unknown>> | undefined;
}
