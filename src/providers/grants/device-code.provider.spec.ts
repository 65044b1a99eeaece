import { TokenManager } from '../../token/token-manager.js';
import { DeviceCodeTokenProvider } from './device-code.provider.js';

it.each([undefined, null, 'print', {}])(
  'a device flow whose onUserCode is %j is refused at the start',
  (onUserCode) => {
    const options = { tokenUrl: 'https://issuer.example/token', clientId: 'c', onUserCode };
    const provider = new DeviceCodeTokenProvider(options as never);
    expect(() => new TokenManager({ provider })).toThrow(/onUserCode/);
  },
);
