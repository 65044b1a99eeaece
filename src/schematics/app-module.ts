/**
 * Adds a module to the `imports` of a module's source, with its import statement.
 * Returns the text as it is where it names the module already, and undefined where it holds no `@Module({ … })`.
 */
export function withModule(source: string, moduleName: string, from: string, call = moduleName): string | undefined {
  if (new RegExp(`\\b${moduleName}\\b`).test(source)) return source;
  const decorator = source.indexOf('@Module({');
  if (decorator < 0) return undefined;
  const body = source.slice(decorator);
  const imports = /(\bimports:\s*\[)(\s*)/.exec(body);
  const edited =
    imports === null
      ? body.replace('@Module({', `@Module({\n  imports: [${call}],`)
      : body.replace(
          imports[0],
          `${imports[1]}${imports[2]}${call}${/^\s*\]/.test(body.slice(imports.index + imports[0].length)) ? '' : ', '}`,
        );
  return withImport(source.slice(0, decorator), `import { ${moduleName} } from '${from}';`) + edited;
}

/** Behind the last import statement. */
function withImport(head: string, statement: string): string {
  const last = [...head.matchAll(/^import\b[^;]*;[^\n]*\n/gm)].at(-1);
  const end = last === undefined ? 0 : last.index + last[0].length;
  return `${head.slice(0, end)}${statement}\n${head.slice(end)}`;
}
