import {
  BadGatewayException,
  BadRequestException,
  type CanActivate,
  Controller,
  type DynamicModule,
  Get,
  Inject,
  Logger,
  Module,
  type ModuleMetadata,
  Post,
  Req,
  Res,
  type Type,
  UnauthorizedException,
  UseGuards,
} from '@nestjs/common';
import { AuthenticationError, ConfigurationError } from '../errors.js';
import type { CallbackSource } from '../providers/sign-in/callback.js';
import { guardedLogger } from '../logger.js';
import { checkOptions, type OptionRules } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';
import { ownOptions } from '../option-check/own-options.js';
import { problemOf } from './forge-auth.problem.js';
import { ForgeAuthService } from './forge-auth.service.js';

/** Options of {@link ForgeConnectModule}. */
export interface ForgeConnectOptions extends Pick<ModuleMetadata, 'imports'> {
  /** The service whose tokens people connect; its provider is one that they sign in to. */
  service: string;
  /** Path of the three routes: `/connect/calendar`. */
  path: string;
  /** The app's name for whoever sends the request; undefined refuses it. Guards have run by then. */
  // The app knows what its guards put on a request: only it can type it.
  // oxlint-disable-next-line typescript/no-explicit-any -- as in Nest's own guards
  subject: (request: any) => string | undefined | Promise<string | undefined>;
  /**
   * Guards of the three routes: they see to it that the request is of somebody who is signed in to the app. Left out:
   * the app's global ones alone.
   */
  guards?: readonly (Type<CanActivate> | CanActivate)[];
  /** Path that the browser is sent to afterwards, unless the start named one: `?redirectTo=/calendar`. @default '/' */
  redirectTo?: string;
}

interface ConnectRequest {
  readonly url: string;
  readonly originalUrl?: string;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

/** The part that Express's response and Fastify's reply have in common. */
interface Reply {
  status(code: number): Reply;
  header(name: string, value: string): Reply;
  send(body: string): unknown;
}

/**
 * Three routes that connect an account of a user's: start, callback, disconnect. Works on Express and Fastify and keeps
 * no session: what belongs to a sign-in is in the module's storage, and who the user is, the app's guards know.
 *
 * - `GET <path>` (and `<path>/start`) sends the browser to the issuer; `?redirectTo=/x` is where it ends up, a path of the app's own.
 * - `GET <path>/callback` (and `POST`, for `form_post`) ends the sign-in. One that somebody else has started is refused.
 * - `POST <path>/disconnect` revokes the user's token and forgets it.
 */
@Module({})
export class ForgeConnectModule {
  /** Adds the three routes of one service. @throws {ConfigurationError} when an option is missing or malformed */
  static forFeature(given: ForgeConnectOptions): DynamicModule {
    check(given);
    const options = ownOptions(given);
    return { module: ForgeConnectModule, imports: options.imports ?? [], controllers: [controllerOf(options)] };
  }
}

function controllerOf(options: ForgeConnectOptions): Type {
  const { service, path, subject, guards = [], redirectTo = '/' } = options;
  const refuseSignIn = (error: unknown): never => {
    throw answerTo(error, service);
  };

  @Controller(path)
  @UseGuards(...guards)
  class ConnectController {
    readonly #forge: ForgeAuthService;

    constructor(@Inject(ForgeAuthService) forge: ForgeAuthService) {
      this.#forge = forge;
    }

    @Get(['', 'start'])
    async start(@Req() request: ConnectRequest, @Res() reply: Reply): Promise<void> {
      const name = await this.#subjectOf(request);
      const wanted = request.query?.['redirectTo'];
      const target = isOwnPath(wanted) ? wanted : redirectTo;
      const { url } = await this.#forge
        .provider(service)
        .authorizationUrl({ subject: name, redirectTo: target })
        .catch(refuseSignIn);
      redirect(reply, url);
    }

    @Get('callback')
    callback(@Req() request: ConnectRequest, @Res() reply: Reply): Promise<void> {
      return this.#finish(request.originalUrl ?? request.url, request, reply);
    }

    @Post('callback')
    posted(@Req() request: ConnectRequest, @Res() reply: Reply): Promise<void> {
      return this.#finish(formOf(request.body), request, reply);
    }

    @Post('disconnect')
    async disconnect(@Req() request: ConnectRequest, @Res() reply: Reply): Promise<void> {
      const tokens = this.#forge.tokens(service).forSubject(await this.#subjectOf(request));
      try {
        await tokens.revoke();
      } catch (error) {
        // An issuer that cannot revoke, or does not know the token any more, must not keep the account connected.
        if (!(error instanceof ConfigurationError || error instanceof AuthenticationError)) throw error;
        await tokens.forget();
      }
      redirect(reply, redirectTo);
    }

    async #finish(callback: CallbackSource, request: ConnectRequest, reply: Reply): Promise<void> {
      const name = await this.#subjectOf(request);
      const finished = await this.#forge
        .provider(service)
        .handleCallback(callback, { subject: name })
        .catch(refuseSignIn);
      redirect(reply, isOwnPath(finished.redirectTo) ? finished.redirectTo : redirectTo);
    }

    async #subjectOf(request: ConnectRequest): Promise<string> {
      const name = await subject(request);
      if (typeof name === 'string' && name !== '') return name;
      throw new UnauthorizedException('The request is of nobody that the app knows.');
    }
  }
  return ConnectController;
}

const logger = guardedLogger(new Logger('ForgeAuth'));

/** Failures that are the browser's, or the person's: their messages name no address. */
const OF_PERSON: ReadonlySet<string> = new Set(['FORGE_AUTH_SIGN_IN_FAILED', 'FORGE_AUTH_ID_TOKEN_INVALID']);

/**
 * A sign-in that came to nothing, as an answer; anything else is the app's own. What failed between the app and the
 * issuer is logged: who signs in has no use for addresses.
 */
function answerTo(error: unknown, service: string): unknown {
  if (!(error instanceof AuthenticationError)) return error;
  const { code, error: reason } = error;
  const own = OF_PERSON.has(code) && !error.transient;
  if (!own) logger.warn(`Service "${service}": a sign-in failed: ${error.message}`);
  const message = own ? error.message : problemOf(error).problem.detail;
  const answer = { message, code, ...(reason === undefined ? undefined : { error: reason }) };
  return error.transient
    ? new BadGatewayException({ statusCode: 502, ...answer })
    : new BadRequestException({ statusCode: 400, ...answer });
}

function redirect(reply: Reply, url: string): void {
  // 303: the browser comes with a GET, whatever it came with (RFC 9110 §15.4.4).
  reply.status(303).header('location', url).header('cache-control', 'no-store').send('');
}

/** A path of this app: nobody is sent elsewhere by a link that they followed. */
function isOwnPath(value: unknown): value is string {
  if (typeof value !== 'string' || !/^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(value)) return false;
  return new URL(value, 'http://app.invalid').origin === 'http://app.invalid';
}

function formOf(body: unknown): URLSearchParams {
  const entries = typeof body === 'object' && body !== null ? Object.entries(body) : [];
  const pairs = entries.flatMap(([name, value]) =>
    [value].flat().map((item): [string, string] => [name, String(item)]),
  );
  return new URLSearchParams(pairs);
}

const RULES_OF: OptionRules<ForgeConnectOptions> = Object.freeze({
  imports: RULES.any, // Nest says more about it.
  service: RULES.text,
  path: RULES.text,
  subject: { ...RULES.function, what: 'a function: (request) => request.user.id' },
  guards: { accepts: Array.isArray, what: 'a list of guards' },
  redirectTo: { accepts: isOwnPath, what: 'a path of the app, such as /' },
});

const refuse = (problem: string): ConfigurationError => new ConfigurationError(`ForgeConnectModule: ${problem}`);

/** A name that is none must not leave the routes without their guards. */
function check(options: ForgeConnectOptions): void {
  checkOptions(options, RULES_OF, { refuse });
  for (const name of ['service', 'path', 'subject'] as const)
    if (options[name] === undefined) throw refuse(`${name} is missing.`);
}
