import { randomUUID } from 'node:crypto';
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** A request whose visitor is known. */
export interface VisitorRequest extends IncomingMessage {
  visitor?: string | undefined;
}

const COOKIE = 'visitor';

/** Stands for the app's own sign-in: each browser is a user of its own, known by a cookie. */
@Injectable()
export class VisitorGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const http = context.switchToHttp();
    const request = http.getRequest<VisitorRequest>();
    request.visitor = new RegExp(`\\b${COOKIE}=([\\w-]+)`).exec(request.headers.cookie ?? '')?.[1];
    if (request.visitor === undefined) {
      request.visitor = randomUUID();
      const cookie = `${COOKIE}=${request.visitor}; HttpOnly; SameSite=Lax; Path=/`;
      http.getResponse<ServerResponse>().setHeader('set-cookie', cookie);
    }
    return true;
  }
}
