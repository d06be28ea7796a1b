/** Metadata files that are one JSON object: schemas, snapshots, tags. */
import { corrupt, type LakeErrorCode } from '../base/errors.ts';
import { type JsonObject, type JsonValue, parseJson } from '../base/json.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** @throws LakeError `corrupt` with that code when the bytes are not one JSON object in UTF-8 */
export function parseJsonObject(bytes: Uint8Array, file: { where: string; code: LakeErrorCode }): JsonObject {
  let json: JsonValue;
  try {
    json = parseJson(utf8.decode(bytes));
  } catch (cause) {
    throw corrupt(file.code, `${file.where} is not JSON`, { cause });
  }
  if (!isJsonObject(json)) throw corrupt(file.code, `${file.where} is not a JSON object`);
  return json;
}

export function isJsonObject(json: JsonValue | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}
