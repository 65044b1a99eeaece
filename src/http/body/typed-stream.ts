import { PassThrough, Readable, type Transform } from 'node:stream';

/**
 * A stream whose reader sees it fail with an error of ours: those of HTTP libraries quote the whole request, its credential
 * included.
 * @param body what passes it on
 */
export function typedStream(
  source: Readable,
  failureOf: (error: unknown) => unknown,
  body: Transform = new PassThrough(),
): Readable {
  // A reader that is not there yet must not crash the process; one that comes later finds the stream destroyed.
  body.on('error', () => undefined);
  body.once('close', () => source.destroy());
  source.once('error', (error) => body.destroy(failureOf(error) as Error));
  source.once('close', () => {
    if (!source.readableEnded) body.destroy(failureOf(undefined) as Error);
  });
  return source.pipe(body);
}

/** Makes a stream of bytes in memory. */
export function streamOf(bytes: Buffer): Readable {
  return Readable.from([bytes], { objectMode: false });
}
