import { Readable } from 'node:stream';
import {
  createForgeClient,
  type ForgeHttpClient,
  HttpStatusError,
  OAuth1Auth,
  type OAuth1AuthOptions,
} from 'nestjs-forge-auth';
import { json } from '../support/answer.js';
import { KNOWN, type SignedApi, startSignedApi } from './signed-api.js';

let api: SignedApi;
const clients: ForgeHttpClient[] = [];

beforeEach(async () => {
  api = await startSignedApi();
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await api.close();
});

function clientWith(options: Partial<OAuth1AuthOptions> = {}): ForgeHttpClient {
  const auth = new OAuth1Auth({ ...KNOWN, ...options });
  const client = createForgeClient({ name: 'photos', baseUrl: api.origin, auth });
  clients.push(client);
  return client;
}

const failure = async (call: Promise<unknown>): Promise<HttpStatusError> => {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(HttpStatusError);
  return error as HttpStatusError;
};

describe('a clock that is off', () => {
  it.each([3_600, -86_400, 301])(
    "a clock that is off by %d s is corrected by the service's Date, once for all calls",
    async (aheadS) => {
      api.aheadS = aheadS;
      const client = clientWith();
      await client.get('/photos');
      expect(api.requests).toHaveLength(2);
      await client.post('/photos', new URLSearchParams('a=b'));
      expect(api.requests).toHaveLength(3);
      expect(api.verified).toHaveLength(2);
    },
  );

  it('a clock that is off is corrected for each of the calls that are under way, each sent twice at most', async () => {
    api.aheadS = 7_200;
    const client = clientWith();
    await Promise.all(Array.from({ length: 20 }, () => client.get('/photos')));
    expect(api.requests.length).toBeLessThanOrEqual(40);
    expect(api.verified).toHaveLength(20);
  });

  it('a clock that is off is corrected where it is a timestamp() of the app', async () => {
    await clientWith({ timestamp: () => Math.floor(Date.now() / 1_000) - 5_000 }).get('/photos');
    expect(api.requests).toHaveLength(2);
  });

  it('a clock that is off is corrected where the service says so with a 400 and in its body', async () => {
    api.aheadS = 3_600;
    api.before = (request, response) => {
      const timestamp = Number(/oauth_timestamp="(\d+)"/.exec(request.headers.authorization ?? '')?.[1]);
      if (Math.abs(timestamp - Date.now() / 1_000) > 100) return false;
      response
        .writeHead(400, { 'content-type': 'text/plain' })
        .end('oauth_problem=timestamp_refused&oauth_acceptable=1-2');
      return true;
    };
    await clientWith().get('/photos');
    expect(api.requests).toHaveLength(2);
  });

  it('reports a clock that is off in the error where the corrected timestamp was refused, too', async () => {
    api.before = (_request, response) => {
      response.setHeader('date', new Date(Date.now() + 3_600_000).toUTCString());
      json(response, 401, {}, { 'www-authenticate': 'OAuth oauth_problem="timestamp_refused"' });
      return true;
    };
    const client = clientWith();
    const error = await failure(client.get('/photos'));
    expect(error.message).toMatch(
      /GET http:\S+\/photos answered 401 \(service "photos"\): OAuth 1\.0a: timestamp_refused, also after the timestamp was corrected: the clock of this machine is 3(600|599|601) s behind the service's\.$/,
    );
    expect(error.status).toBe(401);
    expect(api.requests).toHaveLength(2);
  });

  it('a clock that is off is not believed in where a correction did not help: the next call starts from the own time', async () => {
    let refuse = true;
    api.before = (_request, response) => {
      if (!refuse) return false;
      response.setHeader('date', 'Thu, 01 Jan 2015 00:00:00 GMT');
      json(response, 401, {});
      return true;
    };
    const client = clientWith();
    await failure(client.get('/photos'));
    refuse = false;
    await client.get('/photos');
    expect(api.requests).toHaveLength(3);
    expect(api.verified).toHaveLength(1);
  });

  it('a clock that is off is corrected for the calls that follow, where the body of this one can be sent only once', async () => {
    api.aheadS = 3_600;
    const client = clientWith();
    const error = await failure(client.post('/photos', Readable.from('bytes')));
    expect(error.message).toMatch(/timestamp_refused: the clock of this machine is 3\d{3} s behind the service's\.$/);
    await client.post('/photos', Readable.from('bytes'));
    expect(api.requests).toHaveLength(2);
  });

  it('a clock that is off stays off where the service sends no time', async () => {
    api.aheadS = 3_600;
    api.tellsDate = false;
    const error = await failure(clientWith().get('/photos'));
    expect(error.message).toMatch(/answered 401 \(service "photos"\): OAuth 1\.0a: timestamp_refused\.$/);
    expect(api.requests).toHaveLength(1);
  });
});

describe('a rejection', () => {
  it('a rejection is named as the service names it, and sent once', async () => {
    const error = await failure(clientWith({ tokenSecret: 'wrong' }).get('/photos'));
    expect(error.message).toMatch(/answered 401 \(service "photos"\): OAuth 1\.0a: signature_invalid\.$/);
    expect(error.headers['www-authenticate']).toContain('signature_invalid');
    expect(api.requests).toHaveLength(1);
  });

  it('says that it is one of the signature where the service names no reason', async () => {
    api.before = (_request, response) => {
      json(response, 401, {});
      return true;
    };
    const error = await failure(clientWith().get('/photos'));
    expect(error.message).toMatch(/\(service "photos"\): the OAuth 1\.0a signature was refused\.$/);
  });

  it('repeats only what is registered', async () => {
    api.before = (_request, response) => {
      json(response, 401, {}, { 'www-authenticate': 'OAuth oauth_problem="canary_word"' });
      return true;
    };
    expect((await failure(clientWith().get('/photos'))).message).not.toContain('canary');
  });

  it('a rejection is the cause of what axios throws, and the answer of fetch', async () => {
    const client = clientWith({ tokenSecret: 'wrong' });
    await expect(client.axiosRef.get('/photos')).rejects.toMatchObject({
      message: 'Request failed with status code 401',
      cause: { message: expect.stringMatching(/OAuth 1\.0a: signature_invalid\.$/) as string },
    });
    expect((await client.fetch('/photos')).status).toBe(401);
  });

  it('a rejection is that of the last answer: an error that follows an accepted attempt says nothing of it', async () => {
    api.before = (_request, response) => {
      json(response, 404, {});
      return true;
    };
    expect((await failure(clientWith().get('/photos'))).message).toMatch(/answered 404 \(service "photos"\)\.$/);
  });
});
