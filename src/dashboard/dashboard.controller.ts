import { Controller, Get, Inject, Param, Post, Req, Res, type Type, UseGuards } from '@nestjs/common';
import { carriesToken, csrfFor, isForeign } from './csrf.js';
import {
  answer,
  answerJson,
  type DashboardRequest,
  type DashboardResponse,
  rawRequest,
  rawResponse,
} from './dashboard-http.js';
import { type ActionResult, DashboardService } from './dashboard.service.js';
import { type DashboardGuard, guardOf } from './dashboard.guard.js';
import { DASHBOARD_ICON, dashboardPage } from './page/dashboard.page.js';
import { DASHBOARD_SCRIPT } from './page/dashboard.script.js';
import { DASHBOARD_STYLE } from './page/dashboard.style.js';

const STATUS: Readonly<Record<ActionResult['outcome'], number>> = {
  done: 200,
  failed: 502,
  unknown_service: 404,
  unknown_action: 404,
};

/** Answers the dashboard's requests, on Express and on Fastify. */
class DashboardController {
  readonly #dashboard: DashboardService;

  constructor(@Inject(DashboardService) dashboard: DashboardService) {
    this.#dashboard = dashboard;
  }

  @Get()
  page(@Req() request: DashboardRequest, @Res() response: DashboardResponse): void {
    const asked = rawRequest(request);
    const { token, cookie } = csrfFor(asked);
    const isFolder = (asked.url ?? '').split('?', 1)[0]?.endsWith('/') === true;
    const base = isFolder ? '.' : `./${this.lastSegment}`;
    answer(rawResponse(response), 200, 'text/html', dashboardPage(base, token), { 'Set-Cookie': cookie });
  }

  @Get('dashboard.js')
  script(@Res() response: DashboardResponse): void {
    answer(rawResponse(response), 200, 'text/javascript', DASHBOARD_SCRIPT);
  }

  @Get('dashboard.css')
  style(@Res() response: DashboardResponse): void {
    answer(rawResponse(response), 200, 'text/css', DASHBOARD_STYLE);
  }

  @Get('icon.svg')
  icon(@Res() response: DashboardResponse): void {
    answer(rawResponse(response), 200, 'image/svg+xml', DASHBOARD_ICON);
  }

  @Get('state')
  state(@Req() request: DashboardRequest, @Res() response: DashboardResponse): void {
    if (isForeign(rawRequest(request))) return answerJson(rawResponse(response), 403, { error: 'foreign_origin' });
    answerJson(rawResponse(response), 200, this.#dashboard.state());
  }

  @Get('events')
  events(@Req() request: DashboardRequest, @Res() response: DashboardResponse): void {
    const asked = rawRequest(request);
    const raw = rawResponse(response);
    if (isForeign(asked)) return answerJson(raw, 403, { error: 'foreign_origin' });
    // Both platforms ask a GET handler for HEAD, which has no end to wait for.
    if (asked.method === 'HEAD') return answer(raw, 200, 'text/event-stream', '');
    if (!this.#dashboard.streams.add(raw)) answerJson(raw, 503, { error: 'too_many_streams' });
  }

  @Post('services/:service/:action')
  async act(
    @Req() request: DashboardRequest,
    @Res() response: DashboardResponse,
    @Param('service') service: string,
    @Param('action') action: string,
  ): Promise<void> {
    const asked = rawRequest(request);
    const raw = rawResponse(response);
    if (isForeign(asked)) return answerJson(raw, 403, { error: 'foreign_origin' });
    if (!carriesToken(asked)) return answerJson(raw, 403, { error: 'csrf' });
    const result = await this.#dashboard.act(service, action);
    answerJson(raw, STATUS[result.outcome], result);
  }

  /** Last segment of the dashboard's path: its page's links are relative, so any prefix will do. */
  protected get lastSegment(): string {
    return '';
  }
}

/** The controller of a dashboard at `path`, behind a guard. @throws {ConfigurationError} when there is no guard */
export function createDashboardController(path: string, guard: DashboardGuard | undefined): Type {
  const lastSegment = path.split('/').findLast((segment) => segment !== '') ?? '';
  @Controller(path)
  class ForgeDashboardController extends DashboardController {
    protected override get lastSegment(): string {
      return lastSegment;
    }
  }
  const checked = guardOf(guard);
  if (checked !== undefined) UseGuards(checked)(ForgeDashboardController);
  return ForgeDashboardController;
}
