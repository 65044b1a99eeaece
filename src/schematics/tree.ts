/** The files of an app, as Angular's schematics engine hands them over: what is used of it. */
export interface Tree {
  exists(path: string): boolean;
  read(path: string): Uint8Array | null;
  create(path: string, content: string): void;
  overwrite(path: string, content: string): void;
}

/** The run of a schematic: what is used of it. */
export interface SchematicContext {
  readonly logger: { info(message: string): void; warn(message: string): void };
  addTask(task: { toConfiguration(): { name: string; options: object } }): unknown;
}

/** The text of a file; undefined where there is none. */
export function textOf(tree: Tree, path: string): string | undefined {
  const content = tree.read(path);
  return content === null ? undefined : new TextDecoder().decode(content);
}

/** The app's own `package.json`. */
export function manifestOf(tree: Tree): AppManifest {
  return JSON.parse(textOf(tree, 'package.json') ?? '{}') as AppManifest;
}

/** Part of an app's package.json that schematics read. */
export interface AppManifest {
  type?: string;
  dependencies?: Record<string, string>;
}
