import { fork } from 'node:child_process';

/** Starts a module of the bench as a process; what it says first is `ready`. */
export async function startProcess(file, ...args) {
  const child = fork(new URL(file, import.meta.url), args);
  const nextMessage = () =>
    new Promise((resolve, reject) => {
      const onExit = (code) => reject(new Error(`${file} ended with exit code ${code}.`));
      child.once('exit', onExit);
      child.once('message', (message) => {
        child.off('exit', onExit);
        resolve(message);
      });
    });
  return {
    ready: await nextMessage(),
    /** Sends a message, and answers the next one that comes back. */
    ask(message) {
      const answer = nextMessage();
      child.send(message);
      return answer;
    },
    end: () => child.connected && child.disconnect(),
  };
}
