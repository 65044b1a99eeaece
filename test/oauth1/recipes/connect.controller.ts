import { Controller, Get, Inject, Query, Redirect } from '@nestjs/common';
import { OAuth1Flow } from 'nestjs-forge-auth';

/** Where the app keeps what its users have consented to. */
export abstract class Accounts {
  abstract save(account: { token: string; tokenSecret: string; name: string }): Promise<void>;
}

@Controller('connect')
export class ConnectController {
  constructor(
    @Inject(OAuth1Flow) private readonly flow: OAuth1Flow,
    @Inject(Accounts) private readonly accounts: Accounts,
  ) {}

  @Get()
  @Redirect()
  async begin(): Promise<{ url: string }> {
    return { url: this.flow.authorizationUrl(await this.flow.requestToken()) };
  }

  @Get('callback')
  async finish(@Query() query: Record<string, unknown>): Promise<string> {
    const { token, tokenSecret, extra } = await this.flow.handleCallback(query);
    await this.accounts.save({ token, tokenSecret, name: extra['screen_name'] ?? '' });
    return 'connected';
  }
}
