import { STEPS } from '../upstream/device-issuer.js';
import type { Scene, Story } from './story.js';

export const threeSteps: Story = {
  title: 'A token of three calls: device, then app, then user',
  async tell(scene) {
    const { deviceIssuer } = scene.world;
    await visit(scene, 'callers, and no token yet', [1, 1, 1]);
    deviceIssuer.revoke('user');
    await visit(scene, 'callers after the user token was revoked', [0, 0, 1]);
    deviceIssuer.revoke('device');
    await visit(scene, 'callers after the device was revoked, with all that came of it', [1, 1, 1]);
  },
};

/** A hundred callers, and how many tokens of each step the issuer gave out for them. */
async function visit({ world, visitors, claims }: Scene, who: string, expected: readonly number[]): Promise<void> {
  world.forget();
  const { served } = await visitors.allAtOnce(100, '/profile');
  claims.exactly(100, served, who);
  for (const [index, step] of STEPS.entries()) {
    claims.exactly(expected[index] ?? 0, world.deviceIssuer.issued(step), `${step} tokens given out by the issuer`);
  }
}
