import { jest } from '@jest/globals';
import { Readable, Stream } from 'node:stream';
import FormDataPackage from 'form-data';
import { InvalidRequestError } from '../../errors.js';
import { bodySourceOf, type OpenBody } from './request-body.js';

async function opened(data: unknown, contentType?: string): Promise<OpenBody> {
  const source = bodySourceOf(data, contentType);
  if (source === undefined) throw new Error('There is no body.');
  return source.open();
}

async function read(body: unknown): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body as Readable) chunks.push(Buffer.from(chunk as Buffer));
  return Buffer.concat(chunks).toString();
}

describe('bodySourceOf', () => {
  it.each([undefined, null])('makes no body of %s', (data) => {
    expect(bodySourceOf(data, undefined)).toBeUndefined();
  });

  it.each<[string, unknown, string, string | undefined]>([
    ['a plain object', { a: 1 }, '{"a":1}', 'application/json'],
    ['an array', [1, 'é'], '[1,"é"]', 'application/json'],
    ['a number', 0, '0', 'application/json'],
    ['false', false, 'false', 'application/json'],
    ['an object with toJSON', new Date(0), '"1970-01-01T00:00:00.000Z"', 'application/json'],
    ['a string', 'a&b', 'a&b', 'text/plain;charset=utf-8'],
    ['an empty string', '', '', 'text/plain;charset=utf-8'],
    ['URLSearchParams', new URLSearchParams({ a: 'b c' }), 'a=b+c', 'application/x-www-form-urlencoded;charset=utf-8'],
    ['a Buffer', Buffer.from('bytes'), 'bytes', undefined],
    ['a typed array', new Uint16Array([0x6261, 0x6463]), 'abcd', undefined],
    ['a window into a larger buffer', Buffer.from('xbytesx').subarray(1, 6), 'bytes', undefined],
    ['a DataView', new DataView(new TextEncoder().encode('xviewx').buffer, 1, 4), 'view', undefined],
    ['an ArrayBuffer', new TextEncoder().encode('whole').buffer, 'whole', undefined],
    ['a Blob', new Blob(['blob'], { type: 'image/png' }), 'blob', 'image/png'],
    ['a Blob without a type', new Blob(['blob']), 'blob', undefined],
  ])('sends %s', async (_name, data, body, contentType) => {
    const sent = await opened(data);
    expect(String(sent.body)).toBe(body);
    expect(sent.contentType).toBe(contentType);
    expect(bodySourceOf(data, undefined)?.replayable).toBe(true);
  });

  it('takes JSON as it is now, whatever becomes of the object', async () => {
    const data = { a: 1 };
    const source = bodySourceOf(data, undefined);
    data.a = 2;
    expect((await source?.open())?.body).toBe('{"a":1}');
  });

  it('writes an object as a form where the content type says so', async () => {
    const sent = await opened(
      { a: 'b c', list: [1, 2], none: null, nothing: undefined },
      'application/x-www-form-urlencoded',
    );
    expect(sent.body).toBe('a=b+c&list=1&list=2');
  });

  it.each([undefined, 'application/json', 'multipart/form-data', 'multipart/form-data; boundary=mine'])(
    'gives FormData the boundary it has, beside a content type of %s',
    async (contentType) => {
      const form = new FormData();
      form.append('a', 'b');
      form.append('file', new File(['content'], 'a.txt', { type: 'text/plain' }));
      const sent = await opened(form, contentType);
      const boundary = /^multipart\/form-data; boundary=(.+)$/.exec(sent.contentType ?? '')?.[1] ?? 'none';
      expect(String(sent.body)).toContain(`--${boundary}\r\n`);
      expect(String(sent.body)).toContain('filename="a.txt"');
      expect(sent.overridesContentType).toBe(true);
    },
  );

  it.each<[string, () => unknown]>([
    ['a Readable', () => Readable.from([Buffer.from('str'), Buffer.from('eam')])],
    ['a ReadableStream', () => new Blob(['stream']).stream()],
    ['a stream of the old kind', () => oldStream('stream')],
  ])('sends %s as it is, once', async (_name, make) => {
    const source = bodySourceOf(make(), undefined);
    expect(source?.replayable).toBe(false);
    const sent = await source?.open();
    expect(sent?.contentType).toBeUndefined();
    expect(await read(sent?.body)).toBe('stream');
  });

  it('takes the content type that a stream brings along', async () => {
    const stream = Object.assign(oldStream('x'), {
      getHeaders: () => ({ 'content-type': 'multipart/form-data; boundary=b' }),
    });
    expect(await opened(stream)).toMatchObject({
      contentType: 'multipart/form-data; boundary=b',
      overridesContentType: true,
    });
  });

  it('hands on the failure of a stream of the old kind', async () => {
    const stream = oldStream('x');
    const { body } = await opened(stream);
    stream.emit('error', new Error('gone'));
    await expect(read(body)).rejects.toThrow('gone');
  });

  it.each<[string, () => NodeJS.ReadableStream]>([
    ['a Readable', () => new Readable({ read() {} })],
    ['a stream of the old kind', () => oldStream('x')],
  ])('survives the failure of %s that nobody reads yet', async (_name, make) => {
    const stream = make();
    await opened(stream);
    stream.emit('error', new Error('gone'));
  });

  it.each<[string, () => unknown, RegExp]>([
    ['objects', () => Readable.from([{ a: 1 }]), /chunks of type object/],
    ['numbers, between texts', () => Readable.from(['a', 2]), /chunks of type number/],
    ['objects, in the old way', () => oldObjects(), /chunks of type object/],
    ['what is none, as an iterable', () => numbers(), /chunks of type number/],
  ])('fails a stream of %s, which a socket would throw at', async (_what, stream, words) => {
    const { body } = await opened(stream());
    await expect(read(body)).rejects.toThrow(words);
  });

  it('reads an asynchronous iterable', async () => {
    expect(await read((await opened(texts())).body)).toBe('one, two');
  });

  it.each([1, 2, 3])('knows the length of a form of %d fields, none of them a file', async (fields) => {
    const form = new FormDataPackage();
    for (let index = 0; index < fields; index += 1) form.append(`field-${index}`, 'value');
    const { body, contentLength } = await opened(form);
    expect(Buffer.byteLength(await read(body))).toBe(contentLength);
  });

  it('asks a function for each attempt, and counts it as replayable', async () => {
    let asked = 0;
    const source = bodySourceOf(async () => Readable.from([Buffer.from(`body ${(asked += 1)}`)]), undefined);
    expect(source?.replayable).toBe(true);
    expect(asked).toBe(0);
    expect(await read((await source?.open())?.body)).toBe('body 1');
    expect(await read((await source?.open())?.body)).toBe('body 2');
  });

  it('sends an empty body where a function answers nothing', async () => {
    expect(await opened(() => undefined)).toEqual({ body: '' });
  });

  it.each<[string, unknown]>([
    ['a symbol', Symbol('x')],
    ['a bigint', 1n],
    ['an object with a bigint', { a: 1n }],
    ['a circle', circle()],
  ])('refuses %s', (_name, data) => {
    expect(() => bodySourceOf(data, undefined)).toThrow(InvalidRequestError);
  });

  it('quotes nothing of the data that it refuses', () => {
    const data = {
      toJSON: () => {
        throw new Error('card 4242');
      },
    };
    expect(() => bodySourceOf(data, undefined)).toThrow(
      expect.objectContaining({ cause: expect.objectContaining({ message: 'Error' }) }),
    );
  });
});

it.each<[string, (tell: (error: unknown, length: number) => void) => void]>([
  ['never answers', () => undefined],
  ['fails', (tell) => tell(new Error('no such file'), 3)],
  [
    'throws',
    () => {
      throw new Error('no such file');
    },
  ],
])('sends a form whose getLength %s without a length', async (_how, getLength) => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
  try {
    const opening = opened(Object.assign(Readable.from(['a=1']), { getHeaders: () => ({}), getLength }));
    await jest.advanceTimersByTimeAsync(5_000);
    const { body, contentLength } = await opening;
    expect(contentLength).toBeUndefined();
    expect(await read(body)).toBe('a=1');
  } finally {
    jest.useRealTimers();
  }
});

/** The shape of `form-data`: a Stream, no Readable, that flows when it is piped. */
function oldStream(text: string): NodeJS.ReadableStream {
  return Object.assign(new Stream(), {
    pipe(this: Stream, target: NodeJS.WritableStream) {
      Stream.prototype.pipe.call(this, target);
      queueMicrotask(() => {
        this.emit('data', Buffer.from(text));
        this.emit('end');
      });
      return target;
    },
  }) as unknown as NodeJS.ReadableStream;
}

function circle(): object {
  const data: Record<string, unknown> = {};
  data['self'] = data;
  return data;
}

async function* texts(): AsyncGenerator<string> {
  yield 'one, ';
  yield 'two';
}

async function* numbers(): AsyncGenerator<number> {
  yield 1;
}

function oldObjects(): Stream {
  const stream = new Stream();
  setImmediate(() => stream.emit('data', { a: 1 }));
  return stream;
}
