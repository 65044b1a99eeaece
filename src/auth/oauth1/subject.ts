import { InvalidRequestError } from '../../errors.js';

/** @throws {InvalidRequestError} when the name is empty */
export function checkSubject(subject: string): void {
  if (typeof subject !== 'string' || subject === '')
    throw new InvalidRequestError('The subject must be a text that is not empty.');
}
