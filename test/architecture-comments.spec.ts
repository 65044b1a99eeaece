import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { type DocumentedMember, publicMembers } from './support/public-comments.js';

const root = fileURLToPath(new URL('../', import.meta.url));

/** Words that a comment does not begin with: what something is, or does, is said outright. */
const QUESTIONS = /^(?:What|Who|Whom|Whose|Whether|How|Where|When|Which|Why)\b/;

/** Units, by how a name ends; of other numbers one of them, or what they count. */
const UNITS: readonly (readonly [RegExp, RegExp])[] = [
  [/Ms$/, /\b(?:milliseconds|ms)\b/i],
  [/Seconds$/, /\bseconds\b/i],
  [/Bytes$/, /\bbytes\b/i],
  [/(?:)/, /\b(?:milliseconds|ms|seconds|bytes|number of|number|times|status|port)\b/i],
];

/** Says what happens where an option is left out, or has an effect where it is given alone. */
const LEFT_OUT =
  /\b(?:left out|without|unless|otherwise|by default|needed)\b|^(?:Aborts|Added|Adds|Called|Further|Takes)\b/i;

/** Members that call what throws, and see to it that it does not. */
const GUARDED: Readonly<Record<string, string>> = {
  'OAuth1Auth.onResponse': 'reads the origin of a URL that was sent',
};

function readMembers(): readonly DocumentedMember[] {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, string | { default: { default: string } }>;
  };
  const entries = Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? [] : [join(root, target.default.default.replace('dist', 'src').replace(/js$/, 'ts'))],
  );
  const configFile = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(configFile.config, ts.sys, root);
  return publicMembers(ts.createProgram(entries, options), entries, join(root, 'src/'));
}

describe('the doc comments of public members', () => {
  let members: readonly DocumentedMember[];

  beforeAll(() => {
    members = readMembers();
  }, 120_000);

  const expectNone = (isWrong: (member: DocumentedMember) => boolean): void =>
    expect(members.filter(isWrong).map(({ place, comment }) => `${place}: ${comment}`)).toEqual([]);

  it('the doc comments of public members are read of properties, methods and constructors', () => {
    for (const kind of ['property', 'method', 'constructor'])
      expect(members.filter((member) => member.kind === kind).length).toBeGreaterThan(20);
  });

  it('doc comments of public members exist of every option and every method', () => {
    expectNone((member) => {
      const needsOne = isOption(member) || (member.kind === 'method' && !member.name.startsWith('['));
      return needsOne && member.kind !== 'constructor' && member.comment === '';
    });
  });

  it('doc comments of public members begin with a verb or a noun', () => {
    expectNone(({ comment }) => QUESTIONS.test(comment));
  });

  it('the doc comments of public members name the unit of every number, or what it counts', () => {
    expectNone((member) => {
      if (!member.numeric) return false;
      const unit = UNITS.find(([end]) => end.test(member.name))?.[1];
      const comment = isOption(member) ? member.comment : member.comment + member.ownerComment;
      return unit?.test(comment) === false;
    });
  });

  it('the doc comments of public members name the default of an option that may be left out, or what happens then', () => {
    expectNone(
      (member) =>
        isOption(member) &&
        member.optional &&
        !member.tags.some(([tag]) => tag === 'default') &&
        !LEFT_OUT.test(member.comment),
    );
  });

  it('the doc comments of public members name the errors that a method or a constructor throws', () => {
    expectNone(
      ({ throws, tags, owner, name }) =>
        throws.length > 0 && !tags.some(([tag]) => tag === 'throws') && GUARDED[`${owner}.${name}`] === undefined,
    );
  });
});

function isOption({ owner }: DocumentedMember): boolean {
  return /(?:Options|Config|Init)$/.test(owner);
}
