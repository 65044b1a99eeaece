import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { headersOf } from './node-transport.js';

const message = (): IncomingMessage =>
  Object.assign(new IncomingMessage(new Socket()), {
    rawHeaders: ['X-A', '1', 'x-a', '2', 'Set-Cookie', 'a=1', 'set-cookie', 'b=2', 'Age', '1', 'age', '2'],
  });
const JOINED = { 'x-a': '1, 2', 'set-cookie': ['a=1', 'b=2'], age: '1' };

describe('the headers of an answer', () => {
  it('the headers of an answer are joined as Node joins them, and inherit nothing', () => {
    const answer = message();
    const headers = headersOf(answer);
    expect({ ...headers }).toEqual(JOINED);
    expect(['toString' in headers, answer.headers]).toEqual([false, headers]);
  });

  it('the headers of an answer are those of Node where it cannot be asked to join them elsewhere', () => {
    const headers = { age: '1' };
    const answer = { rawHeaders: ['Age', '1'], headers } as unknown as IncomingMessage;
    expect(headersOf(answer)).toBe(headers);
  });
});
