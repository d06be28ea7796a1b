/**
 * Tags: `tag/tag-{name}`, the text of a snapshot with two fields more, when the tag was made and how long it is kept. Both
 * are left out of tags that are kept for ever, as Paimon does.
 *
 * @see spec 10.5, Paimon 1.4.2 Tag
 */
import { type JsonObject, type JsonValue, stringifyJson } from '../base/json.ts';
import { civilDate, dayNumber, millisPerDay } from '../types/time.ts';
import { parseJsonObject } from './json-file.ts';
import { decodeSnapshot, type Snapshot } from './snapshot.ts';

export type Tag = {
  readonly snapshot: Snapshot;
  /** undefined: not told. Java writes the time of its own zone; it is taken for UTC. */
  readonly createTimeMs: number | undefined;
  /** undefined: for ever. */
  readonly retainedMs: number | undefined;
};

/** How long a tag is kept, from when on. */
export type TagLife = { readonly createTimeMs: number; readonly retainedMs: number };

const code = 'LAKE_CORRUPT_SNAPSHOT';

/** @throws LakeError `corrupt` LAKE_CORRUPT_SNAPSHOT */
export function decodeTag(bytes: Uint8Array, where: string): Tag {
  const json = parseJsonObject(bytes, { where, code });
  const { tagTimeRetained: seconds } = json;
  return {
    snapshot: decodeSnapshot(bytes, where),
    createTimeMs: localTimeMs(json['tagCreateTime']),
    retainedMs: typeof seconds === 'number' && Number.isFinite(seconds) ? seconds * 1000 : undefined,
  };
}

/**
 * The tag's text, with everything that the snapshot's file has.
 *
 * @param file of the snapshot, or of another tag of it
 * @throws LakeError `corrupt` LAKE_CORRUPT_SNAPSHOT
 */
export function encodeTag(file: Uint8Array, where: string, life: TagLife | undefined): Uint8Array {
  const { tagCreateTime: _, tagTimeRetained: __, ...snapshot } = parseJsonObject(file, { where, code });
  const json: JsonObject =
    life === undefined
      ? snapshot
      : { ...snapshot, tagCreateTime: localTime(life.createTimeMs), tagTimeRetained: life.retainedMs / 1000 };
  return Buffer.from(stringifyJson(json, 2));
}

/** Jackson's LocalDateTime: year, month, day, hour, minute and, unless they are 0, second and nanosecond. */
function localTime(timeMs: number): readonly number[] {
  const days = Math.floor(timeMs / millisPerDay);
  const { year, month, day } = civilDate(days);
  const millis = timeMs - days * millisPerDay;
  const minutes = Math.floor(millis / 60_000);
  const seconds = Math.floor(millis / 1000) % 60;
  const nanos = (millis % 1000) * 1_000_000;
  const clock = [Math.floor(minutes / 60), minutes % 60];
  if (seconds > 0 || nanos > 0) clock.push(seconds);
  if (nanos > 0) clock.push(nanos);
  return [year, month, day, ...clock];
}

function localTimeMs(json: JsonValue | undefined): number | undefined {
  if (!Array.isArray(json)) return undefined;
  const [year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0, nano = 0] = json.map(numberOf);
  const clockMs = ((hour * 60 + minute) * 60 + second) * 1000 + Math.floor(nano / 1_000_000);
  const timeMs = dayNumber({ year, month, day }) * millisPerDay + clockMs;
  return Number.isSafeInteger(timeMs) ? timeMs : undefined;
}

/** What is no number makes the time one that is not told. */
function numberOf(json: JsonValue): number {
  return typeof json === 'number' ? json : Number.NaN;
}
