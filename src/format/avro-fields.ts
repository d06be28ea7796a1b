/**
 * Checked access to the fields of decoded Avro records: what a manifest says is trusted only as far as its types go.
 */
import { corrupt } from '../base/errors.ts';
import { checkedFileName } from './file-name.ts';

/** BigInts that come up all the time; making one costs more than looking it up. */
const smallBigints: readonly bigint[] = Array.from({ length: 1024 }, (_, value) => BigInt(value));
const noNames: readonly string[] = [];

/** Any integer of 64 bits. */
export function longField(value: unknown, name: string): bigint {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return smallBigints[value] ?? BigInt(value);
  if (typeof value === 'bigint') return value;
  throw wrongField(name, value);
}

export function optionalLong(value: unknown, name: string): bigint | undefined {
  return value === undefined ? undefined : longField(value, name);
}

/** A size, count or id: 0 or more and exact as a number. */
export function countField(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw wrongField(name, value);
}

export function optionalCount(value: unknown, name: string): number | undefined {
  return value === undefined ? undefined : countField(value, name);
}

/** A number that may be negative: buckets and levels. */
export function integerField(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw wrongField(name, value);
}

export function optionalInteger(value: unknown, name: string): number | undefined {
  return value === undefined ? undefined : integerField(value, name);
}

export function textField(value: unknown, name: string): string {
  if (typeof value === 'string') return value;
  throw wrongField(name, value);
}

export function optionalText(value: unknown, name: string): string | undefined {
  return value === undefined ? undefined : textField(value, name);
}

/** A name within a folder; a path is refused (`file-name.ts`). */
export function fileNameField(value: unknown, name: string): string {
  return checkedFileName(textField(value, name), { code: 'LAKE_CORRUPT_AVRO', where: `field ${name}` });
}

export function fileNamesField(value: unknown, name: string): readonly string[] {
  const names = textsField(value, name);
  return names.length === 0 ? names : names.map(item => fileNameField(item, name));
}

export function bytesField(value: unknown, name: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw wrongField(name, value);
}

export function optionalBytes(value: unknown, name: string): Uint8Array | undefined {
  return value === undefined ? undefined : bytesField(value, name);
}

export function textsField(value: unknown, name: string): readonly string[] {
  if (!Array.isArray(value)) throw wrongField(name, value);
  if (value.length === 0) return noNames;
  return value.map(item => textField(item, name));
}

export function optionalTexts(value: unknown, name: string): readonly string[] | undefined {
  return value === undefined ? undefined : textsField(value, name);
}

export function optionalLongs(value: unknown, name: string): readonly (bigint | undefined)[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw wrongField(name, value);
  const longs: (bigint | undefined)[] = [];
  for (const item of value) longs.push(item === undefined ? undefined : longField(item, name));
  return longs;
}

export function recordField(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw wrongField(name, value);
}

function wrongField(name: string, value: unknown): Error {
  const what = value === undefined ? 'is missing' : `is ${typeof value} ${String(value).slice(0, 40)}`;
  return corrupt('LAKE_CORRUPT_AVRO', `field ${name} ${what}`);
}
