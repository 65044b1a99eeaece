import { inspect } from 'node:util';

/** A line and its fields as one value: an object in JSON, one line in text. */
export class LogEntry {
  readonly message: string;

  constructor(message: string, fields: object) {
    this.message = message;
    Object.assign(this, fields);
  }

  /** As Nest 12 writes a text and its fields. */
  toString(): string {
    const { message, ...fields } = this;
    return `${message} ${inspect(fields, { compact: true, breakLength: Number.POSITIVE_INFINITY, depth: 5 })}`;
  }

  [inspect.custom](): string {
    return this.toString();
  }
}
