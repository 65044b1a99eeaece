import { AssumeRoleWithWebIdentityCommand, STSClient, type STSClientConfig } from '@aws-sdk/client-sts';
import type { AwsCredentialIdentity } from '@smithy/types';
import type { TokenManager } from 'nestjs-forge-auth';

/**
 * The `credentials` of any AWS client: AWS's own, temporary ones, for the token that the manager has.
 * The SDK keeps them, and asks again shortly before they expire.
 */
export function webIdentity(tokens: TokenManager, roleArn: string, config: STSClientConfig = {}) {
  const sts = new STSClient(config);
  return async (): Promise<AwsCredentialIdentity> => {
    const { accessToken } = await tokens.getToken();
    const { Credentials: given } = await sts.send(
      new AssumeRoleWithWebIdentityCommand({
        RoleArn: roleArn,
        RoleSessionName: 'my-app',
        WebIdentityToken: accessToken,
      }),
    );
    if (given?.AccessKeyId === undefined || given.SecretAccessKey === undefined)
      throw new Error(`AWS gave no credentials for ${roleArn}.`);
    return {
      accessKeyId: given.AccessKeyId,
      secretAccessKey: given.SecretAccessKey,
      ...(given.SessionToken !== undefined && { sessionToken: given.SessionToken }),
      ...(given.Expiration !== undefined && { expiration: given.Expiration }),
    };
  };
}
