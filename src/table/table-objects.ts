/**
 * A table's own objects that are not Paimon's: large ingest states, dead letters and lists of them, origins of many
 * rows. They lie in
 * `tidelake/` in the table's folder. Snapshots name them by their properties, so whoever removes files must follow the
 * names (DESIGN I1, I7, R4); what is in them is flow's to know.
 */
import { corrupt } from '../base/errors.ts';
import { isJsonObject, type JsonValue, parseJson } from '../base/json.ts';
import { checkedFileName } from '../format/file-name.ts';
import type { Table } from './table.ts';

/** Folder of the objects, in the table's folder. */
export const tableObjectsFolder = 'tidelake';

/** Snapshot property with the ingest state itself, or, when it is too large for that, … */
export const stateProperty = 'tidelake.ingest';
/** … with the name of the object that holds it. */
export const stateObjectProperty = 'tidelake.ingest-object';

/** @throws LakeError `corrupt` LAKE_CORRUPT_STATE when the name, which metadata gave, is a path */
export function tableObjectKey(table: Pick<Table, 'path'>, name: string): string {
  checkedFileName(name, { code: 'LAKE_CORRUPT_STATE', where: `${table.path}/${tableObjectsFolder}` });
  return `${table.path}/${tableObjectsFolder}/${name}`;
}

export const stateNamePrefix = 'state-';
export const originsNamePrefix = 'origins-';
export const deadLettersNamePrefix = 'dead-letters-';
export const deadLetterListNamePrefix = 'dead-letter-list-';

/** Whether an object of that name is there only for as long as a snapshot needs it. Marks that stay are not. */
export function isSnapshotObjectName(name: string): boolean {
  const prefixes = [stateNamePrefix, originsNamePrefix, deadLettersNamePrefix, deadLetterListNamePrefix];
  return prefixes.some(prefix => name.startsWith(prefix));
}

/**
 * The name of the dead-letter list in an ingest state; undefined: there are no dead letters.
 *
 * @throws LakeError `corrupt` LAKE_CORRUPT_STATE
 */
export function deadLetterListOf(stateText: string, where: string): string | undefined {
  const json = parse(stateText);
  if (!isJsonObject(json)) throw corrupt('LAKE_CORRUPT_STATE', `ingest state in ${where}: it is not a JSON object`);
  const { dead } = json;
  if (dead === undefined) return undefined;
  if (typeof dead === 'string') return checkedFileName(dead, { code: 'LAKE_CORRUPT_STATE', where });
  throw corrupt('LAKE_CORRUPT_STATE', `ingest state in ${where}: its dead-letter list has no name`);
}

/** Names of the files in a dead-letter list. @throws LakeError `corrupt` LAKE_CORRUPT_DEAD_LETTERS */
export function filesOfDeadLetterList(listText: string, where: string): readonly string[] {
  const json = parse(listText);
  if (!Array.isArray(json)) throw badList(where);
  return json.flatMap((item: JsonValue) => {
    const { name, letters = [] } = isJsonObject(item) ? item : {};
    if (typeof name !== 'string' || !Array.isArray(letters)) throw badList(where);
    const ofReplay = letters.map((letter: JsonValue) => (isJsonObject(letter) ? letter['name'] : undefined));
    return [name, ...ofReplay].map(file => {
      if (typeof file !== 'string') throw badList(where);
      return checkedFileName(file, { code: 'LAKE_CORRUPT_DEAD_LETTERS', where });
    });
  });
}

/** undefined: not JSON. */
function parse(text: string): JsonValue | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

function badList(where: string): Error {
  return corrupt('LAKE_CORRUPT_DEAD_LETTERS', `${where} is not what a dead-letter list looks like`);
}
