import { Test } from '@nestjs/testing';
import createOpenApiClient from 'openapi-fetch';
import { Configuration as PlaidConfiguration, PlaidApi } from 'plaid';
import { firstValueFrom } from 'rxjs';
import { ClientCredentialsTokenProvider, ForgeAuthModule, type ForgeHttpClient } from 'nestjs-forge-auth';
import { CLIENT } from '../support/token-endpoint.js';
import { Configuration as AxiosConfiguration, PetApi } from './fixtures/typescript-axios.js';
import { ApiModule, Configuration, PetService } from './fixtures/typescript-nestjs.js';
import { type ProtectedApi, startProtectedApi } from './protected-api.js';

/** Answer of the fixtures' API. */
interface Echo {
  method: string;
  url: string;
  contentType?: string;
  body: string;
}

describe('code that was not written for this package', () => {
  let service: ProtectedApi;

  beforeEach(async () => {
    service = await startProtectedApi();
  });

  afterEach(async () => {
    await service.close();
  });

  /** Called with a cold token, and again when that was revoked. */
  async function expectAuthenticated(call: () => Promise<unknown>): Promise<void> {
    const { api, tokens } = service;
    await call();
    tokens.revokeAll();
    await call();
    expect(tokens.tokenRequests).toBe(2);
    expect(api.unauthorized).toBe(1);
    expect(api.server.requests).toHaveLength(3);
    const [first, ...again] = api.server.requests.map(({ method, url, text }) => `${method} ${url} ${text}`);
    expect(new Set(again)).toEqual(new Set([first]));
  }

  describe('a client of OpenAPI Generator, typescript-axios', () => {
    it('posts JSON', async () => {
      const pets = new PetApi(undefined, undefined, service.client.axiosRef);
      await expectAuthenticated(() => pets.addPet({ name: 'Rex' }));
      expect(service.api.server.requests[0]?.json()).toEqual({ name: 'Rex' });
    });

    it('asks with a query', async () => {
      const pets = new PetApi(new AxiosConfiguration(), undefined, service.client.axiosRef);
      await expectAuthenticated(() => pets.findPets(['sold', 'new']));
      expect(service.api.server.requests[0]?.url).toBe('/pet/findByStatus?status=sold&status=new');
    });

    it('a client of OpenAPI Generator, typescript-axios may name the base path itself', async () => {
      const configuration = new AxiosConfiguration({ basePath: service.api.origin });
      const { data } = await new PetApi(configuration, undefined, service.client.axiosRef).getPet(7);
      expect((data as unknown as Echo).url).toBe('/pet/7');
    });
  });

  describe('a client of OpenAPI Generator, typescript-nestjs', () => {
    it.each([
      ['posts JSON', (pets: PetService) => firstValueFrom(pets.addPet({ name: 'Rex' }))],
      ['asks with a query', (pets: PetService) => firstValueFrom(pets.findPets(['sold', 'new']))],
    ])('%s', async (_name, call) => {
      const { api, tokens } = service;
      const provider = new ClientCredentialsTokenProvider({ tokenUrl: tokens.url, ...CLIENT });
      const feature = ForgeAuthModule.forFeature({
        name: 'pets',
        baseUrl: api.origin,
        auth: { provider },
        provideHttpService: true,
      });
      const generated = ApiModule.forRoot(() => new Configuration({ basePath: api.origin }), feature);
      const app = await Test.createTestingModule({ imports: [generated] }).compile();
      await app.init();
      await expectAuthenticated(() => call(app.get(PetService, { strict: false })));
      await app.close();
    });
  });

  describe('openapi-fetch', () => {
    interface Paths {
      '/pet': { post: { requestBody: { content: { 'application/json': { name: string } } }; responses: Responses } };
      '/pet/{id}': {
        get: { parameters: { path: { id: number }; query?: { verbose?: boolean } }; responses: Responses };
      };
    }
    interface Responses {
      200: { content: { 'application/json': Echo } };
      404: { content: { 'application/json': { message: string } } };
    }

    it('posts JSON, and sends it again with a new token', async () => {
      const pets = createOpenApiClient<Paths>({ baseUrl: service.api.origin, fetch: service.client.fetch });
      await expectAuthenticated(() => pets.POST('/pet', { body: { name: 'Rex' } }));
      expect(service.api.server.requests[0]?.json()).toEqual({ name: 'Rex' });
    });

    it('asks with path and query, and reads JSON', async () => {
      const pets = createOpenApiClient<Paths>({ baseUrl: service.api.origin, fetch: service.client.fetch });
      const { data, response } = await pets.GET('/pet/{id}', { params: { path: { id: 7 }, query: { verbose: true } } });
      expect(data?.url).toBe('/pet/7?verbose=true');
      expect(response.status).toBe(200);
    });

    it('gets an error as its data', async () => {
      const pets = createOpenApiClient<Paths>({ baseUrl: service.api.origin, fetch: service.client.fetch });
      service.api.answerNext({ status: 404, json: { message: 'no such pet' } });
      const { data, error } = await pets.GET('/pet/{id}', { params: { path: { id: 8 } } });
      expect(data).toBeUndefined();
      expect(error).toEqual({ message: 'no such pet' });
    });
  });

  describe("Plaid's SDK, on an axios instance", () => {
    it('posts JSON', async () => {
      const { api, client } = service;
      const plaid = plaidOn(api.origin, client);
      await expectAuthenticated(() => plaid.accountsGet({ access_token: 'access-sandbox-1' }));
      expect(api.server.requests[0]?.path).toBe('/accounts/get');
      expect(api.server.requests[0]?.json()).toEqual({ access_token: 'access-sandbox-1' });
    });

    it('gets an error where it looks for it', async () => {
      const { api, client } = service;
      const plaid = plaidOn(api.origin, client);
      api.answerNext({ status: 400, json: { error_code: 'INVALID_FIELD' } });
      const error: unknown = await plaid.accountsGet({ access_token: 'x' }).catch((e: unknown) => e);
      expect(error).toMatchObject({ isAxiosError: true });
      const { response } = error as { response: { status: number; data: unknown } };
      expect(response.status).toBe(400);
      expect(response.data).toEqual({ error_code: 'INVALID_FIELD' });
    });
  });
});

/** axios declares itself once for ESM and once for CommonJS, which Plaid is: the cast any axios instance needs. */
function plaidOn(origin: string, client: ForgeHttpClient): PlaidApi {
  type Instance = ConstructorParameters<typeof PlaidApi>[2];
  return new PlaidApi(new PlaidConfiguration({ basePath: origin }), origin, client.axiosRef as unknown as Instance);
}
