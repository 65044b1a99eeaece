import { isPromise } from 'node:util/types';

/**
 * Carrier of something that a function of the app's threw, on its way to whoever wraps it: it may be anything, and does
 * not show by itself which of the options the function was.
 */
export class OptionThrew {
  constructor(
    /** The option, for a message: `retry.nextDelayMs()`. */
    readonly option: string,
    readonly thrown: unknown,
  ) {}

  /** Returns what was thrown, by whomever. */
  static original(thrown: unknown): unknown {
    return isOptionThrew(thrown) ? thrown.thrown : thrown;
  }

  /** Returns the option whose function threw; undefined where nobody has named it. */
  static optionOf(thrown: unknown): string | undefined {
    return isOptionThrew(thrown) ? thrown.option : undefined;
  }
}

/**
 * Asks a function of the app's for something, now or later; what it throws is thrown with the option's name.
 * @param isKnown checks for an error that says by itself what is wrong
 */
export function askNaming<T>(option: string, ask: () => T, isKnown: (error: unknown) => boolean): T {
  try {
    const answer = ask();
    if (typeof answer !== 'object' || !isPromise(answer)) return answer;
    return answer.catch((error: unknown) => {
      throw named(option, error, isKnown);
    }) as T;
  } catch (error) {
    throw named(option, error, isKnown);
  }
}

function named(option: string, error: unknown, isKnown: (error: unknown) => boolean): unknown {
  return isKnown(error) || isOptionThrew(error) ? error : new OptionThrew(option, error);
}

/** As `instanceof`, without its errors: a proxy may answer no question. */
function isOptionThrew(value: unknown): value is OptionThrew {
  try {
    return value instanceof OptionThrew;
  } catch {
    return false;
  }
}
