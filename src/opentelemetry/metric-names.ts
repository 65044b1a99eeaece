/** One metric: how it is made, and what it says. */
export interface MetricFacts {
  readonly kind: 'counter' | 'histogram' | 'gauge';
  /** UCUM, as OpenTelemetry has it. */
  readonly unit: string;
  readonly description: string;
  readonly attributes: readonly string[];
}

/**
 * Every metric by its name. Names, units and attributes are stable.
 *
 * `service` is the name of a service, `outcome`, `cause`, `age`, `command` and `state` are words of a short list, `grant`
 * is a registered grant type or `custom`. No attribute holds a token, a subject or a URL.
 */
export const METRICS = Object.freeze({
  'forge_auth.token.requests': {
    kind: 'counter',
    unit: '{request}',
    description: 'Token flights that ended, each with all its attempts.',
    attributes: ['service', 'grant', 'cause', 'outcome', 'shared', 'step', 'error.type'],
  },
  'forge_auth.token.request.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'How long token flights took.',
    attributes: ['service', 'grant', 'outcome', 'step'],
  },
  'forge_auth.token.attempts': {
    kind: 'counter',
    unit: '{request}',
    description: 'HTTP requests to token endpoints.',
    attributes: ['service', 'grant', 'http.response.status_code'],
  },
  'forge_auth.token.renewals': {
    kind: 'counter',
    unit: '{renewal}',
    description: 'Tokens obtained, by what asked for them.',
    attributes: ['service', 'cause', 'step'],
  },
  'forge_auth.token.served': {
    kind: 'counter',
    unit: '{token}',
    description: 'Calls that were given the held token at once, by its age.',
    attributes: ['service', 'age'],
  },
  'forge_auth.token.wait.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'How long callers waited for a token flight.',
    attributes: ['service'],
  },
  'forge_auth.token.rejections': {
    kind: 'counter',
    unit: '{token}',
    description: 'Tokens that a service rejected.',
    attributes: ['service'],
  },
  'forge_auth.token.invalidations': {
    kind: 'counter',
    unit: '{token}',
    description: 'Tokens that were dropped.',
    attributes: ['service'],
  },
  'forge_auth.token.backoffs': {
    kind: 'counter',
    unit: '{pause}',
    description: 'Pauses in which a failing token endpoint is left alone.',
    attributes: ['service'],
  },
  'forge_auth.token.renewal_pauses': {
    kind: 'counter',
    unit: '{pause}',
    description: 'Pauses in which rejections cause no token request, as a service rejects even new tokens.',
    attributes: ['service'],
  },
  'forge_auth.token.expires_in': {
    kind: 'gauge',
    unit: 's',
    description: 'Seconds to the expiry of the token in use.',
    attributes: ['service'],
  },
  'forge_auth.call.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'How long calls took, retries and waiting for a token included.',
    attributes: ['service', 'outcome', 'http.request.method', 'http.response.status_code', 'error.type'],
  },
  'forge_auth.call.retries': {
    kind: 'counter',
    unit: '{retry}',
    description: 'Calls that were sent again.',
    attributes: ['service', 'http.response.status_code'],
  },
  'forge_auth.circuit.state': {
    kind: 'gauge',
    unit: '1',
    description: 'State of a circuit: 0 closed, 1 half open, 2 open.',
    attributes: ['service'],
  },
  'forge_auth.storage.command.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'How long commands to the token storage took.',
    attributes: ['command', 'outcome'],
  },
  'forge_auth.storage.failures': {
    kind: 'counter',
    unit: '{command}',
    description: 'Commands to the token storage that failed, timed out, or were not tried while it is down.',
    attributes: ['command', 'outcome'],
  },
  'forge_auth.storage.state': {
    kind: 'gauge',
    unit: '1',
    description: 'Whether a token storage answers: 1 up, 0 down.',
    attributes: ['storage'],
  },
  'forge_auth.lock.wait.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'How long it took to be granted a lock, or to be refused it.',
    attributes: ['outcome'],
  },
} satisfies Record<`forge_auth.${string}`, MetricFacts>);

/** Name of a metric. */
export type MetricName = keyof typeof METRICS;
