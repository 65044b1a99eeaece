import { PipelineTokenProvider, type Token, TokenFetchPipeline, TokenManager } from 'nestjs-forge-auth';
import { OneStore } from '../fleet/one-store.js';
import { FakeClock } from '../support/fake-clock.js';
import { rejection } from '../support/async.js';

const LOOK_UP_MS = 2_000;

async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

it('a key that can no longer be made when the deadline comes disturbs nobody', async () => {
  const clock = new FakeClock();
  const { storage, lock } = new OneStore();
  let sealed = false;
  const provider = {
    keyParts: async () => {
      if (!sealed) return ['client'];
      await new Promise<void>((resolve) => void clock.after(LOOK_UP_MS, resolve));
      throw new Error('the vault is sealed');
    },
    fetchToken: () => new Promise<Token>(() => undefined),
  };
  const pipeline = new TokenFetchPipeline({ steps: [{ name: 'app', provider }] });
  const manager = new TokenManager({ provider: new PipelineTokenProvider({ pipeline }), clock, storage, lock });
  const late = rejection(manager.getToken());
  await turns();
  sealed = true;
  // What is rejected after the deadline and caught by nobody fails the test.
  for (let second = 0; second < 20; second += 1) {
    await clock.advance(1_000);
    await turns();
  }
  expect(await late).toMatchObject({ code: 'FORGE_AUTH_TOKEN_DEADLINE' });
  await manager.close();
});
