import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import { ForgeAuthError, HttpStatusError } from 'nestjs-forge-auth';

/** The part of an Express response that the filter needs. */
interface Answer {
  status(status: number): { json(body: unknown): void };
}

/** What the app's own callers see of a service that failed. The messages hold no secret. */
@Catch(ForgeAuthError)
export class UpstreamErrorFilter implements ExceptionFilter<ForgeAuthError> {
  catch(error: ForgeAuthError, host: ArgumentsHost): void {
    const notFound = error instanceof HttpStatusError && error.status === 404;
    const answer = host.switchToHttp().getResponse<Answer>();
    answer.status(notFound ? 404 : 502).json({ code: error.code, message: error.message });
  }
}
