import { Controller, Get, Header, Inject, Req, UseGuards } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { type ForgeHttpClient, InjectForgeClient, isSignInRequired } from 'nestjs-forge-auth';
import { VisitorGuard, type VisitorRequest } from './visitor.guard.js';

/** A page that shows the visitor's calendar, once they have connected their account. */
@Controller('calendar')
@UseGuards(VisitorGuard)
export class CalendarController {
  constructor(
    @InjectForgeClient('calendar') private readonly client: ForgeHttpClient,
    @Inject(ConfigService) private readonly config: ConfigService,
  ) {}

  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  async page(@Req() request: VisitorRequest): Promise<string> {
    try {
      const { data } = await this.client.get<{ answeredAt: string }>('/events', {
        auth: { subject: request.visitor as string },
      });
      return this.#connected(data.answeredAt);
    } catch (error) {
      if (isSignInRequired(error)) return NOT_CONNECTED;
      throw error;
    }
  }

  #connected(answeredAt: string): string {
    const issuer = this.config.getOrThrow<string>('ACCOUNT_ISSUER');
    return page(
      `<p id="state">Connected. The calendar answered at ${answeredAt}.</p>
      <form method="post" action="/connect/calendar/disconnect"><button id="disconnect">Disconnect</button></form>
      <form method="post" action="${issuer}/account/revoke"><button id="revoke">Revoke at the issuer</button></form>`,
    );
  }
}

const page = (body: string): string =>
  `<!doctype html><html lang="en"><title>Calendar</title><h1>Calendar</h1>${body}</html>`;

const NOT_CONNECTED = page(
  `<p id="state">Not connected.</p><a id="connect" href="/connect/calendar?redirectTo=/calendar">Connect your account</a>`,
);
