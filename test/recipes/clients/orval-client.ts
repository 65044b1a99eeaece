import type { AxiosRequestConfig } from 'axios';
import type { ForgeHttpClient } from 'nestjs-forge-auth';

/** Sends the request of a generated function, with the client that it was given as its last argument. */
export async function send<T>(config: AxiosRequestConfig, client?: ForgeHttpClient): Promise<T> {
  if (client === undefined) throw new TypeError(`${config.url}: give the client as the last argument.`);
  return (await client.axiosRef.request<T>(config)).data;
}
