import { HttpService } from '@nestjs/axios';
import type { AxiosInstance } from 'axios';

/** A real HttpService over an axios face: Observables that are cancelled when nobody listens any more. */
export function createHttpServiceFace(axiosRef: AxiosInstance): HttpService {
  return new HttpService(axiosRef);
}
