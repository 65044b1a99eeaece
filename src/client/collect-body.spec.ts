import { Readable } from 'node:stream';
import { systemClock } from '../clock.js';
import { collectBody } from './collect-body.js';

describe('collectBody', () => {
  it('answers a Buffer as it is', async () => {
    const body = Buffer.alloc(100_000);
    expect(await collectBody(body, systemClock, 1_000)).toBe(body);
  });

  it('reads a stream to its end', async () => {
    const body = Readable.from([Buffer.from('to '), Buffer.from('the end')]);
    expect(String(await collectBody(body, systemClock, 1_000))).toBe('to the end');
  });

  it('cuts a stream at 64 KiB, and destroys it', async () => {
    const body = new Readable({
      read() {
        this.push(Buffer.alloc(10_000, 'x'));
      },
    });
    expect(await collectBody(body, systemClock, 1_000)).toHaveLength(65_536);
    expect(body.destroyed).toBe(true);
  });

  it('answers what has arrived when a stream fails', async () => {
    const body = new Readable({ read() {} });
    body.push('half');
    setImmediate(() => body.destroy(new Error('lost')));
    expect(String(await collectBody(body, systemClock, 1_000))).toBe('half');
  });

  it('answers what has arrived when the time is over, and destroys the stream', async () => {
    const body = new Readable({ read() {} });
    body.push('half');
    expect(String(await collectBody(body, systemClock, 20))).toBe('half');
    expect(body.destroyed).toBe(true);
  });
});
