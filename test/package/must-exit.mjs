// Preloaded: ends a process that has nothing left to do and still does not exit.
setTimeout(() => {
  process.stderr.write('The process does not exit: something was left open.\n');
  process.exit(1);
}, 20_000).unref();
