import { SlowFingerprint, slowFingerprintOf } from './secret.js';

describe('the slow fingerprint of a text', () => {
  it('the slow fingerprint of a text is derived once for all who ask', async () => {
    const fingerprint = new SlowFingerprint();
    const derived = fingerprint.of('password', 'salt');
    expect(fingerprint.of('password', 'salt')).toBe(derived);
    expect(await derived).toBe(await slowFingerprintOf('password', 'salt'));
    expect(fingerprint.of('password', 'salt')).toBe(derived);
  });

  it('the slow fingerprint of a text is derived anew for another one', async () => {
    const fingerprint = new SlowFingerprint();
    const before = await fingerprint.of('password', 'salt');
    expect(await fingerprint.of('rotated', 'salt')).not.toBe(before);
  });
});
