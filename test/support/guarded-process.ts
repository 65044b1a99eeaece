import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';

/** A child process that cannot outlive this one. */
export interface GuardedProcess {
  readonly pid: number;
  readonly running: boolean;
  signal(signal: NodeJS.Signals): void;
  /** Kills it, frozen or not, and resolves when it is gone. */
  kill(): Promise<void>;
}

/**
 * A shell that starts the command, tells its process id, and exits when it ends. Its standard input is a pipe that the
 * kernel closes when our process ends in whatever way: then it kills the command, even a frozen one.
 */
const GUARD = `
trap '' INT TERM HUP
exec 3<&0
"$@" >/dev/null 2>&1 </dev/null 3<&- &
command=$!
echo $command
(read -r _ <&3; kill -9 $command) >/dev/null 2>&1 &
watch=$!
wait $command
kill -9 $watch`;

/**
 * Starts a command without output. It is killed when this process ends, be it by SIGKILL, and does not keep it alive.
 * @throws {Error} when there is no shell.
 */
export async function spawnGuarded(command: string, args: readonly string[]): Promise<GuardedProcess> {
  const guard = spawn('sh', ['-c', GUARD, 'sh', command, ...args], { stdio: ['pipe', 'pipe', 'ignore'] });
  await once(guard, 'spawn');
  const gone = once(guard, 'exit');
  const [line] = (await once(guard.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  guard.stdin.on('error', () => undefined);
  guard.unref();
  for (const pipe of [guard.stdin, guard.stdout] as (Writable | Readable)[]) if (pipe instanceof Socket) pipe.unref();

  return {
    pid,
    get running() {
      return guard.exitCode === null && guard.signalCode === null;
    },
    signal(signal) {
      process.kill(pid, signal);
    },
    async kill() {
      guard.ref();
      guard.stdin.end();
      await gone;
    },
  };
}
