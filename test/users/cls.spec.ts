import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { builtPackage } from '../support/built-package.js';

const SCRIPT = fileURLToPath(new URL('with-nestjs-cls.mjs', import.meta.url));

describe('the request context beside nestjs-cls', () => {
  it.each([
    ['express', 'before'],
    ['express', 'after'],
    ['fastify', 'before'],
    ['fastify', 'after'],
  ])(
    'the request context beside nestjs-cls is kept in its context, too, on %s, imported %s the module',
    async (platform, place) => {
      const env = {
        ...process.env,
        NODE_OPTIONS: '',
        WITH_CLS: JSON.stringify({ entry: await builtPackage(), platform, place }),
      };
      const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT], { env });
      expect(JSON.parse(stdout)).toEqual({
        token: 'inbound',
        carried: 'carried',
        nested: 'inner',
        after: 'carried',
        leaked: false,
        closed: null,
      });
    },
  );
});
