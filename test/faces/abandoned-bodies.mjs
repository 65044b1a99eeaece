// Gets an answer, forgets it, and collects garbage until it is killed.
// Usage: node --expose-gc abandoned-bodies.mjs <entry of the package> <origin>
const [entry, origin] = process.argv.slice(2);
const { createForgeClient } = await import(entry);
const client = createForgeClient({ name: 'abandoned', baseUrl: origin });
await client.fetch('/unfinished').then(() => undefined);
setInterval(() => globalThis.gc(), 20, client);
