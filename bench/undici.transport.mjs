import { Pool } from 'undici';

/**
 * A sketch of a transport over undici: enough to measure what the seam allows, not to be used.
 * Errors come through as undici's own, and nothing is decompressed.
 */
export class UndiciTransport {
  #pools = new Map();

  async send({ method, url, headers, body = null, responseType, signal }) {
    const pathAt = url.indexOf('/', 8);
    const origin = url.slice(0, pathAt);
    const answered = await this.#pool(origin).request({ method, path: url.slice(pathAt), headers, body, signal });
    const content = responseType === 'stream' ? answered.body : Buffer.from(await answered.body.arrayBuffer());
    return { status: answered.statusCode, headers: answered.headers, body: content, url };
  }

  async close() {
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
    this.#pools.clear();
  }

  #pool(origin) {
    let pool = this.#pools.get(origin);
    if (pool === undefined) this.#pools.set(origin, (pool = new Pool(origin, { connections: 50 })));
    return pool;
  }
}
