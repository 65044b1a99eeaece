import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { deflateRawSync, deflateSync } from 'node:zlib';
import { Inflating } from './inflating.js';

describe.each([
  ['wrapped', deflateSync],
  ['bare', deflateRawSync],
])('a deflated stream: %s', (_name, deflated) => {
  const size = 30_000_000;

  it('a deflated body is inflated as it is read, not before', async () => {
    const stream = new Inflating({});
    stream.end(deflated(Buffer.alloc(size)));
    await once(stream, 'readable');
    for (let turn = 0; turn < 3_000; turn += 1) await new Promise(setImmediate);
    expect(stream.readableLength).toBeLessThan(1_000_000);
    let read = 0;
    for await (const chunk of stream) read += (chunk as Buffer).length;
    expect(read).toBe(size);
  });

  it('comes in any pieces, with bytes behind it', async () => {
    const stream = new Inflating({});
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    for (const byte of Buffer.concat([deflated('text'), Buffer.from('behind')])) stream.write(Buffer.of(byte));
    stream.end();
    await finished(stream);
    expect(Buffer.concat(chunks).toString()).toBe('text');
  });

  it('fails when it is broken', async () => {
    const stream = new Inflating({});
    const coded = deflated(Buffer.from(Array.from({ length: 999 }, (_nothing, at) => (at * at) % 251)));
    coded.fill(0xff, 8);
    stream.resume().end(coded);
    await expect(finished(stream)).rejects.toMatchObject({ code: expect.stringMatching(/^Z_/) });
  });
});
