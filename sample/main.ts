import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app/app.module.js';
import { portFrom } from './port.js';
import { Claims } from './stories/claims.js';
import { excludedPath } from './stories/excluded-path.story.js';
import { oneTokenRequest } from './stories/one-token-request.story.js';
import { otherCredentials } from './stories/other-credentials.story.js';
import { revokedToken } from './stories/revoked-token.story.js';
import { shortLivedToken } from './stories/short-lived-token.story.js';
import type { Story } from './stories/story.js';
import { threeSteps } from './stories/three-steps.story.js';
import { Visitors } from './stories/visitors.js';
import { startWorld, type World } from './upstream/world.js';

/** Stories, in the order in which they run: the first meets an app that has no token yet. */
const STORIES: readonly Story[] = [
  oneTokenRequest,
  revokedToken,
  shortLivedToken,
  excludedPath,
  otherCredentials,
  threeSteps,
];

/** Ends after the stories. Any free port will do. */
const once = process.argv.includes('--once');

const interrupted = new Promise<'interrupted'>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve('interrupted'));
});

const world = await startWorld();
// After the servers of the world, which might take a port that was free.
const port = await portFrom(once ? { PORT: '0' } : process.env).catch(({ message }: Error) => {
  console.error(message);
  process.exit(1);
});
Object.assign(process.env, world.environment, { APP_URL: `http://127.0.0.1:${port}` });
const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'], forceCloseConnections: true });
await app.listen(port, '127.0.0.1');

const outcome = await Promise.race([tell(STORIES, world, new Visitors(await app.getUrl())), interrupted]);
if (outcome !== 'interrupted' && !once) await serve(await app.getUrl());
await app.close();
await world.close();
if (outcome === 'interrupted') process.exit(130);
process.exitCode = outcome ? 0 : 1;

/** Returns whether every claim held. */
async function tell(stories: readonly Story[], stage: World, visitors: Visitors): Promise<boolean> {
  console.log('A Nest app, the six services that it calls, and their authorization servers, in one process.');
  const claims = new Claims();
  for (const [index, story] of stories.entries()) {
    stage.forget();
    console.log(`\n${index + 1}. ${story.title}`);
    await story.tell({ world: stage, visitors, claims });
  }
  return claims.conclude();
}

async function serve(origin: string): Promise<void> {
  console.log(`\nThe app serves on ${origin} until Ctrl-C. Try:`);
  for (const path of ['/orders/7', '/prices/anvil', '/invoices/2024-11', '/weather/london', '/profile'])
    console.log(`   curl ${origin}${path}`);
  console.log(`Or connect an account, in a browser: ${origin}/calendar`);
  console.log(`The dashboard is on ${origin}/forge-auth`);
  await interrupted;
}
