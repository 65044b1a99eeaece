import { Logger } from '@nestjs/common';
import { captureEverything } from './capture.js';

describe('captureEverything', () => {
  it('records loggers, console, standard output and error, and swallows them', () => {
    const capture = captureEverything();
    try {
      Logger.overrideLogger(capture.logger);
      new Logger('Context').error(new Error('from Nest'), { nested: { deep: ['down'] } });
      globalThis.console.warn('from the console', { a: 1 });
      process.stdout.write('from stdout');
      process.stderr.write(Buffer.from('from stderr'));
    } finally {
      Logger.overrideLogger(true);
      capture.stop();
    }
    for (const expected of ['from Nest', 'Context', "[ 'down' ]", '"down"', 'from the console', '{"a":1}']) {
      expect(capture.text()).toContain(expected);
    }
    expect(capture.lines).toEqual(expect.arrayContaining(['stdout: from stdout', 'stderr: from stderr']));
  });

  it('records process warnings', async () => {
    const capture = captureEverything();
    process.emitWarning('careful');
    await new Promise(setImmediate);
    capture.stop();
    expect(capture.text()).toContain('careful');
  });

  it('gives everything back', () => {
    const before = [globalThis.console.log, process.stdout.write, process.stderr.write];
    const capture = captureEverything();
    capture.stop();
    capture.stop();
    expect([globalThis.console.log, process.stdout.write, process.stderr.write]).toEqual(before);
  });
});
