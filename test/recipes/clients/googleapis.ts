import { drive, type drive_v3 } from '@googleapis/drive';
import type { ForgeHttpClient } from 'nestjs-forge-auth';

/**
 * Without `auth` the library sends no credential of its own. With the package of all APIs: `google.drive({ … })`.
 * @param rootUrl the API's origin, which is that of the client's service: https://www.googleapis.com/
 */
export function createDrive(client: ForgeHttpClient, rootUrl: string): drive_v3.Drive {
  return drive({ version: 'v3', rootUrl, fetchImplementation: client.fetch, retry: false });
}
