import { sleep, systemClock } from '../clock.js';
import type { RedisConnection } from './redis-connection.js';

/** Refusal of a command within a script by a Redis: most versions do not say which. */
const REFUSED = /NOPERM|can't run this command|ACL failure in script|no permissions/i;

/** Refusal of a cluster while some of the keys have moved to another node, and others have not. */
const MOVING = /TRYAGAIN|Too many Cluster redirections/i;
const AGAIN_MS = 25;
/** A second: keys of one slot are moved together, or one right after the other. */
const MOST_TRIES = 40;

/**
 * Runs a script. Where an ACL refuses a command within it, the error names which.
 * @param keys all in one slot of a cluster: while they move to another node, it is tried again
 * @param isWanted checks whether anybody still waits for it; it is not tried again otherwise
 */
export async function runScript(
  connection: RedisConnection,
  script: string,
  keys: readonly [string, ...string[]],
  args: readonly string[] = [],
  isWanted: () => boolean = () => true,
): Promise<unknown> {
  const [key] = keys;
  try {
    return await whileMoving(
      () => connection.command(key, 'EVAL', script, String(keys.length), ...keys, ...args),
      isWanted,
    );
  } catch (error) {
    if (!isRefused(error)) throw error;
    const refused = await refusedCommands(connection, `${key}:acl`);
    throw refused.length === 0 ? error : new Error(`NOPERM '${refused.join(', ')}' command`);
  }
}

async function whileMoving<T>(command: () => Promise<T>, isWanted: () => boolean): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await command();
    } catch (error) {
      const isMoving = error instanceof Error && MOVING.test(error.message);
      if (!isMoving || tries === MOST_TRIES) throw error;
      await sleep(systemClock, AGAIN_MS);
      if (!isWanted()) throw error;
    }
  }
}

/** Tries each command that scripts need, on a key where nothing stands: none of them leaves anything there. */
async function refusedCommands(connection: RedisConnection, key: string): Promise<readonly string[]> {
  const trials = [
    ['eval', 'return 1', '0'],
    ['get', key],
    ['set', key, '', 'XX'],
    ['del', key],
    ['type', key],
    ['pttl', key],
    ['pexpire', key, '1'],
    ['time'],
  ].map(async (command) => {
    const refused = await connection.command(key, ...command).then(() => false, isRefused);
    return refused ? [command[0] ?? ''] : [];
  });
  return (await Promise.all(trials)).flat();
}

function isRefused(error: unknown): boolean {
  return error instanceof Error && REFUSED.test(error.message);
}

/** Lua: reads a text. What is of another type reads as none; that it may not be read at all is an error. */
export const READ_TEXT = `
local function read(key)
  local value = redis.pcall('GET', key)
  if type(value) ~= 'table' then return value end
  if value.err and not string.find(value.err, 'WRONGTYPE', 1, true) then error(value.err) end
  return false
end`;
