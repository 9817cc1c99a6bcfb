import { parse } from '@babel/parser';
import type { Comment, File, Node, ObjectExpression, ObjectProperty } from '@babel/types';
import type { OptionValue } from './dimensions.ts';
import { entry, keyOf, valueText } from './option-text.ts';
import type { Point } from './points.ts';

/** Why a config cannot be edited: what was expected in it, and found. */
export class UneditableError extends Error {}

/** Longer lines are broken where that is possible. */
const lineWidth = 110;

/**
 * A config's source with these options of a model set: `models: { '<model>': { <options> } }`. Everything else stays, byte for byte; what it
 * means is the caller's to check, since a spread may have held other options. The config is the default export: an object literal, by itself, in a call such as `defineConfig`, or a constant that is one.
 * @throws UneditableError where it, its models or the model's options are written in another way
 */
export function withOptions(source: string, model: string, options: Point): string {
  let text = source;
  for (const [name, value] of Object.entries(options)) text = withOption(text, [model, name], value);
  return fitted(text, model);
}

/** Sets one option, in a place that is made if it is not there. */
function withOption(source: string, [model, name]: readonly [string, string], value: OptionValue): string {
  const quote = (source.match(/"/g)?.length ?? 0) > (source.match(/'/g)?.length ?? 0) ? '"' : "'";
  const { objects, missing } = placesOf(source, model);
  if (missing === 'models')
    return inserted(
      source,
      objects[0]!,
      `models: { ${keyOf(model, quote)}: { ${entry(name, value, quote)} } }`,
    );
  if (missing === 'model')
    return inserted(source, objects[1]!, `${keyOf(model, quote)}: { ${entry(name, value, quote)} }`);
  const own = propertyOf(objects[2]!, name, `the options of ${model}`);
  if (own === undefined) return inserted(source, objects[2]!, entry(name, value, quote));
  const now = own.value;
  if ('value' in now && now.value === value) return source;
  if (own.shorthand) return replaced(source, own, entry(name, value, quote));
  return replaced(source, now, valueText(value, quote));
}

interface Places {
  /** The config, its models, the model's options: as far as they are there. */
  readonly objects: readonly ObjectExpression[];
  readonly missing?: 'models' | 'model';
  readonly comments: readonly Comment[];
}

function placesOf(source: string, model: string): Places {
  const file = parse(source, { sourceType: 'module', plugins: ['typescript'] });
  const comments = file.comments ?? [];
  const config = literalOf(exported(file), file, 'the default export');
  const models = propertyOf(config, 'models', 'the config');
  if (models === undefined) return { objects: [config], missing: 'models', comments };
  const all = literalOf(models.value, file, 'models');
  const own = propertyOf(all, model, 'models');
  if (own === undefined) return { objects: [config, all], missing: 'model', comments };
  return { objects: [config, all, literalOf(own.value, file, `the options of ${model}`)], comments };
}

function exported(file: File): Node {
  const found = file.program.body.find(({ type }) => type === 'ExportDefaultDeclaration');
  if (found?.type !== 'ExportDefaultDeclaration')
    throw new UneditableError("expected 'export default', found none");
  return found.declaration;
}

/** The object literal that an expression is, through calls, types and constants of the file. */
function literalOf(node: Node, file: File, what: string): ObjectExpression {
  switch (node.type) {
    case 'ObjectExpression':
      return node;
    case 'TSAsExpression':
    case 'TSSatisfiesExpression':
      return literalOf(node.expression, file, what);
    case 'CallExpression':
      if (node.arguments.length === 1) return literalOf(node.arguments[0]!, file, what);
      break;
    case 'Identifier': {
      const init = constantOf(node.name, file);
      if (init) return literalOf(init, file, what);
    }
  }
  const line = node.loc?.start.line ?? 0;
  throw new UneditableError(`expected ${what} to be an object literal, found ${node.type} in line ${line}`);
}

function constantOf(name: string, { program }: File): Node | null | undefined {
  const declarations = program.body.flatMap((statement) =>
    statement.type === 'VariableDeclaration' && statement.kind === 'const' ? statement.declarations : [],
  );
  return declarations.find(({ id }) => id.type === 'Identifier' && id.name === name)?.init;
}

/**
 * A property as it stands in a literal; one that only a spread brings counts as absent, since what is added after it takes its place.
 * @throws UneditableError where something that comes later might replace the property
 */
function propertyOf(
  { properties }: ObjectExpression,
  name: string,
  where: string,
): ObjectProperty | undefined {
  const at = properties.findLastIndex(
    (property) =>
      property.type === 'ObjectProperty' &&
      !property.computed &&
      ((property.key.type === 'Identifier' && property.key.name === name) ||
        (property.key.type === 'StringLiteral' && property.key.value === name)),
  );
  if (at < 0) return undefined;
  const other = properties
    .slice(at + 1)
    .find((property) => property.type !== 'ObjectProperty' || property.computed);
  if (other)
    throw new UneditableError(
      `expected plain properties in ${where}, found ${other.type} in line ${other.loc?.start.line}, which may replace '${name}'`,
    );
  return properties[at] as ObjectProperty | undefined;
}

const replaced = (source: string, { start, end }: Node, text: string): string =>
  source.slice(0, start!) + text + source.slice(end!);

/** Adds a property at an object's end, in a line of its own where the others have one. */
function inserted(source: string, object: ObjectExpression, text: string): string {
  const last = object.properties.at(-1);
  if (last === undefined) {
    const inside = source.slice(object.start! + 1, object.end! - 1);
    return replaced(source, object, inside.trim() === '' ? `{ ${text} }` : `{ ${text},${inside}}`);
  }
  const comma = /^\s*,/.exec(source.slice(last.end!))?.[0].length;
  const after = last.end! + (comma ?? 0);
  const head = comma === undefined ? `${source.slice(0, last.end!)},` : source.slice(0, after);
  if (isOneLine(object)) return `${head} ${text}${source.slice(after)}`;
  const rest = /^[ \t]*(\/\/.*|\/\*.*\*\/[ \t]*)?(?=\r?\n)/.exec(source.slice(after))?.[0] ?? '';
  return `${head}${rest}\n${indentOf(source, last.start!)}${text},${source.slice(after + rest.length)}`;
}

const isOneLine = ({ loc }: Node): boolean => loc!.start.line === loc!.end.line;

/** Breaks the config's objects into lines, from the outermost, while the line of the model's options is too long. */
function fitted(source: string, model: string): string {
  const { objects, comments } = placesOf(source, model);
  const tooLong = objects.find(
    (object) =>
      isOneLine(object) &&
      lineAt(source, object.start!).length > lineWidth &&
      !comments.some(({ start, end }) => start! > object.start! && end! < object.end!),
  );
  if (tooLong === undefined) return source;
  const indent = indentOf(source, tooLong.start!);
  const step = /^\t/m.test(source) ? '\t' : '  ';
  const lines = tooLong.properties.map(
    ({ start, end }) => `${indent}${step}${source.slice(start!, end!)},\n`,
  );
  return fitted(replaced(source, tooLong, `{\n${lines.join('')}${indent}}`), model);
}

const lineStart = (source: string, at: number): number => source.lastIndexOf('\n', at - 1) + 1;

const lineAt = (source: string, at: number): string =>
  source.slice(lineStart(source, at)).split(/\r?\n/, 1)[0]!;

const indentOf = (source: string, at: number): string => /^[ \t]*/.exec(lineAt(source, at))![0];
