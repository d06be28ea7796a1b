/**
 * The head of a table: one immutable JSON file per commit, `snapshot/snapshot-{id}`. Tags are the same with two fields
 * more, which are not read here.
 *
 * @see spec 3.1, Paimon 1.4.2 Snapshot
 */
import { corrupt } from '../base/errors.ts';
import { type JsonObject, type JsonValue, longToJson, stringifyJson } from '../base/json.ts';
import { checkedFileName } from './file-name.ts';
import { isJsonObject, parseJsonObject } from './json-file.ts';

/** The head of a table: one immutable JSON file per commit, `snapshot/snapshot-{id}`. @see spec 3.1 */
export type Snapshot = {
  /** 3. */
  readonly version: number;
  readonly id: number;
  readonly schemaId: number;
  readonly baseManifestList: string;
  readonly baseManifestListSize: number | undefined;
  readonly deltaManifestList: string;
  readonly deltaManifestListSize: number | undefined;
  readonly changelogManifestList: string | undefined;
  readonly changelogManifestListSize: number | undefined;
  readonly indexManifest: string | undefined;
  readonly commitUser: string;
  readonly commitIdentifier: bigint;
  readonly commitKind: CommitKind;
  readonly timeMillis: number;
  readonly totalRecordCount: bigint;
  readonly deltaRecordCount: bigint;
  readonly changelogRecordCount: bigint | undefined;
  readonly watermark: bigint | undefined;
  readonly statistics: string | undefined;
  readonly properties: Readonly<Record<string, string>>;
  readonly nextRowId: bigint | undefined;
};

export type CommitKind = 'APPEND' | 'COMPACT' | 'OVERWRITE' | 'ANALYZE';

/** What a batch writer of Paimon puts for `commitIdentifier`: the largest long. */
export const batchCommitIdentifier = 9_223_372_036_854_775_807n;

const longMin = -9_223_372_036_854_775_808n;
const longMax = 9_223_372_036_854_775_807n;

/** The file's bytes, indented for people. Fields without a value are left out. */
export function encodeSnapshot(snapshot: Snapshot): Uint8Array {
  // Each field by name, since copying them all takes longer than the rest.
  const json: JsonObject = {
    version: snapshot.version,
    id: snapshot.id,
    schemaId: snapshot.schemaId,
    baseManifestList: snapshot.baseManifestList,
    baseManifestListSize: snapshot.baseManifestListSize,
    deltaManifestList: snapshot.deltaManifestList,
    deltaManifestListSize: snapshot.deltaManifestListSize,
    changelogManifestList: snapshot.changelogManifestList,
    changelogManifestListSize: snapshot.changelogManifestListSize,
    indexManifest: snapshot.indexManifest,
    commitUser: snapshot.commitUser,
    commitIdentifier: longToJson(snapshot.commitIdentifier),
    commitKind: snapshot.commitKind,
    timeMillis: snapshot.timeMillis,
    totalRecordCount: longToJson(snapshot.totalRecordCount),
    deltaRecordCount: longToJson(snapshot.deltaRecordCount),
    changelogRecordCount: longToJson(snapshot.changelogRecordCount),
    watermark: longToJson(snapshot.watermark),
    statistics: snapshot.statistics,
    nextRowId: longToJson(snapshot.nextRowId),
    properties: isEmpty(snapshot.properties) ? undefined : snapshot.properties,
  };
  return Buffer.from(stringifyJson(json, 2));
}

function isEmpty(properties: Snapshot['properties']): boolean {
  for (const _ in properties) return false;
  return true;
}

/**
 * Reads a snapshot, a tag or a decoupled changelog. Fields that we do not know are passed over; counts and times that
 * older writers leave out are 0.
 *
 * @param where the file's name, for messages
 * @throws LakeError `corrupt` LAKE_CORRUPT_SNAPSHOT
 */
export function decodeSnapshot(bytes: Uint8Array, where: string): Snapshot {
  const fields = new SnapshotFields(parseJsonObject(bytes, { where, code: 'LAKE_CORRUPT_SNAPSHOT' }), where);
  return {
    version: fields.integer('version') ?? 1,
    id: fields.requiredInteger('id'),
    schemaId: fields.requiredInteger('schemaId'),
    baseManifestList: fields.requiredFileName('baseManifestList'),
    baseManifestListSize: fields.integer('baseManifestListSize'),
    deltaManifestList: fields.requiredFileName('deltaManifestList'),
    deltaManifestListSize: fields.integer('deltaManifestListSize'),
    changelogManifestList: fields.fileName('changelogManifestList'),
    changelogManifestListSize: fields.integer('changelogManifestListSize'),
    indexManifest: fields.fileName('indexManifest'),
    commitUser: fields.requiredText('commitUser'),
    commitIdentifier: fields.requiredLong('commitIdentifier'),
    commitKind: fields.commitKind(),
    timeMillis: fields.requiredInteger('timeMillis'),
    totalRecordCount: fields.long('totalRecordCount') ?? 0n,
    deltaRecordCount: fields.long('deltaRecordCount') ?? 0n,
    changelogRecordCount: fields.long('changelogRecordCount'),
    watermark: fields.long('watermark'),
    statistics: fields.fileName('statistics'),
    properties: fields.texts('properties'),
    nextRowId: fields.long('nextRowId'),
  };
}

/** Checked access to the fields of the JSON object; null is the same as not there. */
class SnapshotFields {
  readonly #json: JsonObject;
  readonly #where: string;

  constructor(json: JsonObject, where: string) {
    this.#json = json;
    this.#where = where;
  }

  text(key: string): string | undefined {
    const value = this.#value(key);
    if (value === undefined || typeof value === 'string') return value;
    throw this.#broken(key, 'is not a string');
  }

  requiredText(key: string): string {
    return this.text(key) ?? this.#missing(key);
  }

  fileName(key: string): string | undefined {
    const name = this.text(key);
    if (name === undefined) return undefined;
    return checkedFileName(name, { code: 'LAKE_CORRUPT_SNAPSHOT', where: `${this.#where}: ${key}` });
  }

  requiredFileName(key: string): string {
    return this.fileName(key) ?? this.#missing(key);
  }

  /** A count, id or time: no negative number of them makes sense. */
  integer(key: string): number | undefined {
    const value = this.#value(key);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    throw this.#broken(key, 'is not a number that counts');
  }

  requiredInteger(key: string): number {
    return this.integer(key) ?? this.#missing(key);
  }

  long(key: string): bigint | undefined {
    const value = this.#value(key);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
    if (typeof value === 'bigint' && value >= longMin && value <= longMax) return value;
    throw this.#broken(key, 'is not a 64-bit integer');
  }

  requiredLong(key: string): bigint {
    return this.long(key) ?? this.#missing(key);
  }

  texts(key: string): Record<string, string> {
    const value = this.#value(key) ?? {};
    if (!isJsonObject(value)) throw this.#broken(key, 'is not an object');
    const map: Record<string, string> = {};
    for (const [name, item] of Object.entries(value)) {
      if (typeof item !== 'string') throw this.#broken(`${key}.${name}`, 'is not a string');
      map[name] = item;
    }
    return map;
  }

  commitKind(): CommitKind {
    const text = this.requiredText('commitKind');
    switch (text) {
      case 'APPEND':
      case 'COMPACT':
      case 'OVERWRITE':
      case 'ANALYZE':
        return text;
      default:
        throw this.#broken('commitKind', `${text} is not known`);
    }
  }

  #value(key: string): JsonValue | undefined {
    return this.#json[key] ?? undefined;
  }

  #missing(key: string): never {
    throw this.#broken(key, 'is missing');
  }

  #broken(key: string, what: string): Error {
    return corrupt('LAKE_CORRUPT_SNAPSHOT', `${this.#where}: ${key} ${what}`);
  }
}
