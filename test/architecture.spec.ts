import { readdirSync, readFileSync } from 'node:fs';
import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exportedComments, findBreaches, loadedWith, readSourceFiles } from './support/architecture.js';

const root = new URL('../', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as Record<
  'dependencies' | 'peerDependencies',
  Record<string, string>
>;

/** Words that a comment does not begin with: what something is, or does, is said outright. */
const QUESTIONS = /^(?:What|Who|Whom|Whose|Whether|How|Where|When|Which|Why)\b/;

/** Words that a title does not begin with: without the titles around it, nobody would know of what it speaks. */
const SUBJECTLESS =
  /^\s*(?:(?:it|test)(?:\.each\(.*\))?|\]\))\((['"`])(?:that|is|are|was|were|has|have|may|can|must|replace|ask|exist|each get|one that|add|arrive|authenticate|begin|cause|copy|distinguish|drop|fail|find|free|hear|include|inject|larger|lengthen|match|neither|report|roll|twice|whose)\b(?:(?!\1).)*\1/;

/** Where time does not come from `Clock`, and why. */
const TIME_OF_THEIR_OWN: Readonly<Record<string, string>> = {
  'clock.ts': 'is the one place that asks the machine',
  'dashboard/page/': 'runs in a browser',
  'testing/token-storage.contract.ts': 'waits for the storage of somebody else',
  'testing/token-lock.contract.ts': 'waits for the lock of somebody else',
  'testing/transport.contract.ts': 'is the server that a transport of somebody else waits for',
  'testing/issuer/test-issuer.ts': 'is a server: it is late by the time of those who wait for it',
};

/** Files and folders that only a call, a token request or a sign-in needs: nobody pays for them at the import. */
const LOADED_WHEN_USED: readonly string[] = [
  'application/auth-resolver.ts',
  'application/rival-services.ts',
  'application/service-core.ts',
  'auth/oauth1/flow-parts.ts',
  'auth/oauth1/request-signer.ts',
  'auth/oauth1/token-endpoint.ts',
  'auth/path-exclusion.ts',
  'auth/path-glob.ts',
  'client/client-core.ts',
  'client/request/',
  'http/axios/axios-config.ts',
  'http/axios/axios-failure.ts',
  'http/axios/axios-sender.ts',
  'http/body/content-coding.ts',
  'http/body/framed-body.ts',
  'http/network-error.ts',
  'http/node/own-agents.ts',
  'http/node/plain-exchange.ts',
  'http/query-params.ts',
  'http/body/request-body.ts',
  'http/url.ts',
  'pipeline/bound-pipeline.ts',
  'providers/dpop.ts',
  'providers/grants/bound.oauth-provider.ts',
  'providers/issuer/issuer-exchange.ts',
  'providers/issuer/issuer.ts',
  'providers/oidc/id-token.ts',
  'providers/oidc/openid-connect.ts',
  'providers/sign-in/bound.authorization-code.ts',
  'providers/sign-in/bound.sign-in-provider.ts',
  'providers/sign-in/callback.ts',
  'providers/sign-in/poll-for-token.ts',
  'providers/issuer/token-endpoint.ts',
  'storage/announcements.ts',
  'storage/guarded-lock.ts',
  'storage/guarded-storage.ts',
  'storage/storage-commands.ts',
  'token/foreign.token-source.ts',
  'token/slot/fetch-backoff.ts',
  'token/slot/token-slot.ts',
];

describe('architecture', () => {
  const files = readSourceFiles(fileURLToPath(new URL('src', root)));

  it('reads the source tree', () => {
    expect(files.map((file) => file.path)).toContain('errors.ts');
  });

  it('keeps to the layers, without cycles, stray folders, second barrels or undeclared packages', () => {
    const packages = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
    expect(findBreaches(files, packages)).toEqual([]);
  });

  it('an import of the package loads nothing that only a call, a token request or a sign-in needs', () => {
    const loaded = loadedWith('index.ts', files);
    expect(loaded).toContain('application/application.ts');
    expect(loaded.filter((path) => LOADED_WHEN_USED.some((late) => path.startsWith(late)))).toEqual([]);
    for (const late of LOADED_WHEN_USED) expect(files.map(({ path }) => path).join(' ')).toContain(late);
  });

  it('no spec in src imports from outside of it, where the compiler looks for none', () => {
    const src = fileURLToPath(new URL('src/', root));
    const leaving = readdirSync(src, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.spec.ts'))
      .filter((path) => {
        const up = [...readFileSync(src + path, 'utf8').matchAll(/(?:from|import) '((?:\.\.\/)+)/g)];
        return up.some(([, steps = '']) => steps.split('../').length > path.split(sep).length);
      });
    expect(leaving).toEqual([]);
  });

  it('takes time and chance from Clock alone', () => {
    const own =
      /\b(?:Date\.now|performance\.now|Math\.random|AbortSignal\.timeout|setTimeout|setInterval|process\.hrtime)\b|\bnew Date\(\)/;
    const takers = files
      .filter(({ path }) => !Object.keys(TIME_OF_THEIR_OWN).some((place) => path.startsWith(place)))
      .flatMap(({ path, text }) =>
        text
          .split('\n')
          .filter((line) => own.test(line) && !/^\s*(?:\/?\*|\/\/)/.test(line))
          .map((line) => `${path}: ${line.trim()}`),
      );
    expect(takers).toEqual([]);
  });

  it('documents each exported declaration, beginning with a verb or a noun', () => {
    const faults = files
      .filter(({ path }) => path !== 'index.ts')
      .flatMap((file) => exportedComments(file).map((exported) => ({ ...exported, path: file.path })))
      .filter(({ comment }) => comment === undefined || QUESTIONS.test(comment))
      .map(({ path, name, comment = 'no comment' }) => `${path}: ${name}: ${comment.slice(0, 60)}`);
    expect(faults).toEqual([]);
  });

  it('begins no doc comment with a question, of what is not exported either', () => {
    const asking = files.flatMap(({ path, text }) =>
      Array.from(text.matchAll(/\/\*\*\s+(?:\* )?(\S.{0,60})/g), ([, comment = '']) => comment)
        .filter((comment) => QUESTIONS.test(comment))
        .map((comment) => `${path}: ${comment}`),
    );
    expect(asking).toEqual([]);
  });

  it('the title of every test makes sense without the titles around it', () => {
    const titles = ['src', 'test'].flatMap((folder) =>
      readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.spec.ts'))
        .flatMap((path) => readFileSync(new URL(`${folder}/${path}`, root), 'utf8').split('\n'))
        .filter((line) => SUBJECTLESS.test(line)),
    );
    expect(titles).toEqual([]);
  });

  it('says at its top why a file is longer than 250 lines', () => {
    const long = files.filter(({ path, text }) => !path.endsWith('.spec.ts') && text.split('\n').length > 252);
    const silent = long.filter(({ text }) => !/^\/\/ More than 250 lines: .{10,}\.\n/.test(text));
    expect(silent.map(({ path }) => path)).toEqual([]);
  });
});
