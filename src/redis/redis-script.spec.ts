import type { RedisConnection } from './redis-connection.js';
import { runScript } from './redis-script.js';

/** A Redis that refuses a script with `failure`, and each command that `refuses` names. */
class Fake {
  readonly commands: string[][] = [];
  constructor(
    readonly failure: unknown,
    readonly refuses: Readonly<Record<string, string>> = {},
  ) {}

  async command(...args: string[]): Promise<unknown> {
    this.commands.push(args);
    const [, name = '', script] = args;
    if (script === 'the script') {
      if (this.failure !== undefined) throw this.failure;
      return 'answer';
    }
    const refused = this.refuses[name];
    if (refused !== undefined) throw new Error(refused);
    return 1;
  }
}

const run = (fake: Fake): Promise<unknown> =>
  runScript(fake as unknown as RedisConnection, 'the script', ['{app}:a', '{app}:b'], ['x', 'y']);

describe('a script', () => {
  it('a script is sent where its first key stands, with its keys counted, and its answer is given back', async () => {
    const fake = new Fake(undefined);
    expect(await run(fake)).toBe('answer');
    expect(fake.commands).toEqual([['{app}:a', 'EVAL', 'the script', '2', '{app}:a', '{app}:b', 'x', 'y']]);
  });

  it.each<[unknown]>([[new Error('OOM')], ['NOPERM'], [undefined as unknown]])(
    'a script that fails by %p is not asked for its permissions',
    async (failure) => {
      const fake = new Fake(failure ?? new Error('lost'));
      await expect(run(fake)).rejects.toBe(fake.failure);
      expect(fake.commands).toHaveLength(1);
    },
  );

  it.each([
    "NOPERM this user has no permissions to run the 'eval' command",
    "The user executing the script can't run this command or subcommand",
    'ACL failure in script: this user',
    'User u has no permissions',
  ])('a script that is refused names each command that is: %s', async (message) => {
    const fake = new Fake(new Error(message), { time: message, pttl: message, del: 'LOADING' });
    await expect(run(fake)).rejects.toThrow("NOPERM 'pttl, time' command");
    expect(fake.commands.slice(1)).toEqual(
      [
        ['eval', 'return 1', '0'],
        ['get', '{app}:a:acl'],
        ['set', '{app}:a:acl', '', 'XX'],
        ['del', '{app}:a:acl'],
        ['type', '{app}:a:acl'],
        ['pttl', '{app}:a:acl'],
        ['pexpire', '{app}:a:acl', '1'],
        ['time'],
      ].map((command) => ['{app}:a:acl', ...command]),
    );
  });

  it('a script that is refused for something else fails as it did', async () => {
    const fake = new Fake(new Error('NOPERM of a key'));
    await expect(run(fake)).rejects.toBe(fake.failure);
  });

  describe('while its keys move from one node of a cluster to another', () => {
    const moving = new Error('TRYAGAIN Multiple keys request during rehashing of slot');
    const connection = (refusals: number, asked: string[]): RedisConnection =>
      ({
        command: async (_key: string, name: string) => {
          asked.push(name);
          if (asked.length <= refusals) throw moving;
          return 'answer';
        },
      }) as unknown as RedisConnection;

    it('a script is tried again until they are all there', async () => {
      const asked: string[] = [];
      expect(await runScript(connection(3, asked), 'the script', ['a', 'b'])).toBe('answer');
      expect(asked).toEqual(['EVAL', 'EVAL', 'EVAL', 'EVAL']);
    });

    it('a script that nobody waits for any more is not tried again', async () => {
      const asked: string[] = [];
      const running = runScript(connection(9, asked), 'the script', ['a', 'b'], [], () => asked.length < 3);
      await expect(running).rejects.toBe(moving);
      expect(asked).toHaveLength(3);
    });

    it('a script is tried again for a second', async () => {
      const asked: string[] = [];
      await expect(runScript(connection(99, asked), 'the script', ['a', 'b'])).rejects.toBe(moving);
      expect(asked).toHaveLength(40);
    });
  });
});
