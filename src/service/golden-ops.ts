/**
 * What was written to a golden table, out of `ops/T.jsonl`: lines of changes, and marks of what was done with them and
 * the snapshot that came of it. Made into steps before anything is written, so that a table with a mark we do not do is
 * refused as a whole.
 */
import { corrupt, unsupported } from '../base/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson, stringifyJson } from '../base/json.ts';
import { decodeSchema, type TableSchema } from '../format/table-schema.ts';
import type { PartitionSpec } from '../table/partition-spec.ts';
import { type RowKind, rowKindByte } from '../types/row-kind.ts';

export type GoldenChange = { readonly kind: number; readonly row: JsonObject };

/** What Paimon did, up to the snapshot it came to. */
export type GoldenStep =
  | { readonly kind: 'commit'; readonly changes: readonly GoldenChange[]; readonly snapshotId: number }
  /** `partition`: what the overwrite named. */
  | {
      readonly kind: 'overwrite';
      readonly changes: readonly GoldenChange[];
      readonly partition: PartitionSpec;
      readonly snapshotId: number;
    }
  | { readonly kind: 'compact'; readonly snapshotId: number }
  | { readonly kind: 'alter'; readonly schema: TableSchema }
  /** `snapshotId` undefined: the newest. */
  | { readonly kind: 'tag'; readonly name: string; readonly snapshotId: number | undefined }
  /** `tag` undefined: empty. */
  | { readonly kind: 'branch'; readonly name: string; readonly tag: string | undefined }
  /** What follows is done on this branch; undefined: on the table itself. */
  | { readonly kind: 'use-branch'; readonly name: string | undefined }
  /** Of the snapshots so many were kept. */
  | { readonly kind: 'expire'; readonly keptCount: number };

/** A line, with checked access to its fields. */
class OpsLine {
  readonly where: string;
  readonly op: string;
  readonly #json: JsonObject;

  constructor(text: string, where: string) {
    this.where = where;
    this.#json = parsedObject(text, where);
    const op = this.#json['op'];
    if (typeof op !== 'string') throw this.broken('has no `op`');
    this.op = op;
  }

  broken(why: string): Error {
    return corrupt('LAKE_CORRUPT_OPS', `${this.where} ${why}`);
  }

  object(name: string): JsonObject {
    const value = this.#json[name];
    if (!isJsonObject(value)) throw this.broken(`has no object \`${name}\``);
    return value;
  }

  integer(name: string): number {
    const value = this.#json[name];
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw this.broken(`has no integer \`${name}\``);
    return value;
  }

  optionalInteger(name: string): number | undefined {
    return this.#json[name] === undefined ? undefined : this.integer(name);
  }

  text(name: string): string {
    const value = this.#json[name];
    if (typeof value !== 'string') throw this.broken(`has no text \`${name}\``);
    return value;
  }

  /** `"null"` stands for none. */
  nameOrNull(name: string): string | undefined {
    const text = this.text(name);
    return text === 'null' ? undefined : text;
  }

  partition(): PartitionSpec {
    const entries = Object.entries(this.object('partition')).map(([key, value]): readonly [string, string | null] => {
      if (value !== null && typeof value !== 'string') throw this.broken(`has no text for partition key ${key}`);
      return [key, value];
    });
    return Object.fromEntries(entries);
  }

  schema(): TableSchema {
    return withoutPath(decodeSchema(new TextEncoder().encode(stringifyJson(this.object('schema'))), this.where));
  }
}

/**
 * @param where the file's name, for messages
 * @throws LakeError `unsupported` naming the mark, `corrupt` LAKE_CORRUPT_OPS naming the line
 */
export function goldenSteps(lines: readonly string[], where: string): readonly GoldenStep[] {
  const steps: GoldenStep[] = [];
  let changes: GoldenChange[] = [];
  for (const [index, text] of lines.entries()) {
    const line = new OpsLine(text, `${where} line ${index + 1}`);
    const kind = rowKinds.get(line.op);
    if (kind !== undefined) {
      changes.push({ kind, row: line.object('row') });
      continue;
    }
    if (line.op === 'commit') {
      steps.push({ kind: 'commit', changes, snapshotId: line.integer('snapshot') });
      changes = [];
      continue;
    }
    if (line.op === 'overwrite') {
      steps.push({ kind: 'overwrite', changes, partition: line.partition(), snapshotId: line.integer('snapshot') });
      changes = [];
      continue;
    }
    const mark = markOf(line);
    if (changes.length > 0) throw line.broken('stands before the rows above it are committed');
    steps.push(mark);
  }
  if (changes.length > 0) throw corrupt('LAKE_CORRUPT_OPS', `${where} ends with rows that are not committed`);
  return steps;
}

const rowKinds: ReadonlyMap<string, number> = new Map(
  (['+I', '-U', '+U', '-D'] satisfies readonly RowKind[]).map(kind => [kind, rowKindByte[kind]]),
);

function markOf(line: OpsLine): GoldenStep {
  switch (line.op) {
    case 'compact':
      return { kind: 'compact', snapshotId: line.integer('snapshot') };
    case 'alter':
      return { kind: 'alter', schema: line.schema() };
    case 'tag':
      return { kind: 'tag', name: line.text('name'), snapshotId: line.optionalInteger('snapshot') };
    case 'branch':
      return { kind: 'branch', name: line.text('name'), tag: line.nameOrNull('tag') };
    case 'use-branch':
      return { kind: 'use-branch', name: line.nameOrNull('name') };
    case 'expire':
      return { kind: 'expire', keptCount: line.integer('keep') };
    default:
      throw unsupported(`replaying ${line.op}`, line.where);
  }
}

function parsedObject(text: string, where: string): JsonObject {
  let value: JsonValue;
  try {
    value = parseJson(text);
  } catch (error) {
    throw corrupt('LAKE_CORRUPT_OPS', `${where} is not JSON`, { cause: error });
  }
  if (isJsonObject(value)) return value;
  throw corrupt('LAKE_CORRUPT_OPS', `${where} is not an object`);
}

/** The option names the place where the table was, and is not part of it. */
export function withoutPath(schema: TableSchema): TableSchema {
  const { path: _, ...options } = schema.options;
  return { ...schema, options };
}
