/** Answers the commands of the process that has started this one, by `commands`; says when it is ready for them. */
export function answerCommands(commands) {
  process.on('message', async ({ id, command, ...args }) => {
    try {
      process.send({ id, value: await commands[command](args) });
    } catch (error) {
      process.send({ id, error: `${error.name}: ${error.message}` });
    }
  });
  process.send({ ready: true });
}
