import { AuthenticationError } from '../../errors.js';
import type { SlotEvents } from '../../token/slot/slot-events.js';
import { TokenSlot } from '../../token/slot/token-slot.js';
import type { PipelineStep } from './pipeline-step.js';
import { type PipelineScope, StepFlight } from './step-flight.js';
import type { StepKeys } from './step-keys.js';

/** Parts of a pipeline that the slot of one of its steps needs. */
export interface StepSlotOptions {
  readonly keys: StepKeys;
  /** Bounds a flight of the step, with those of the steps that it waits for; in milliseconds. */
  readonly deadlineMs: number;
  /** The last failure of each step. */
  readonly errors: Map<string, unknown>;
  /** Hears what happens to the step's token. */
  readonly listeners: readonly SlotEvents[];
}

/** Creates the slot of a step, whose flights first get the tokens of the steps that it depends on. */
export function createStepSlot(
  step: PipelineStep,
  pipeline: PipelineScope,
  { keys, deadlineMs, errors, listeners }: StepSlotOptions,
): TokenSlot {
  const { settings } = pipeline;
  return new TokenSlot(
    {
      ...pipeline,
      owner: pipeline.ownerOf(step.name),
      settings: { ...settings, deadlineMs, refreshWindowMs: step.refreshWindowMs ?? settings.refreshWindowMs },
    },
    {
      key: () => keys.of(step.name),
      endpoint: undefined,
      ttlMs: step.ttlMs,
      step: step.name,
      grantType: step.grantType,
      obtain: (previous, signal, claim, report) => new StepFlight(step, pipeline, signal).run(previous, claim, report),
      isOwnFailure: (error) => isOwnFailure(error, step.name),
      revoke: async () => {
        throw new AuthenticationError('The tokens of a pipeline cannot be revoked: nobody knows where.');
      },
      introspect: async () => {
        throw new AuthenticationError('The tokens of a pipeline cannot be introspected: nobody knows where.');
      },
    },
    {
      refreshed: (token, previous, report) => {
        errors.delete(step.name);
        pipeline.history.fetched(step.name, token);
        for (const listener of listeners) listener.refreshed(token, previous, report);
      },
      invalidated: (token, report) => {
        for (const listener of listeners) listener.invalidated(token, report);
      },
      failed: (error, report) => {
        if (isOwnFailure(error, step.name)) errors.set(step.name, error);
        for (const listener of listeners) listener.failed(error, report);
      },
    },
  );
}

/** Checks whether a step failed itself, rather than one that it depends on. */
function isOwnFailure(error: unknown, step: string): boolean {
  return !(error instanceof AuthenticationError) || error.step === undefined || error.step === step;
}
