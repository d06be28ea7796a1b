/**
 * JSON without loss: integers beyond 2^53 come in as bigint and go out digit for digit. Paimon's snapshots need it
 * (`commitIdentifier` of a batch writer is 9223372036854775807).
 */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue | undefined };

export type JsonObject = { readonly [key: string]: JsonValue | undefined };

// TypeScript's library does not know these two yet; Node 22 and 24 have them.
type JsonWithSource = {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  rawJSON(text: string): unknown;
};
const json = JSON as unknown as JsonWithSource;

/** An integer beyond 2^53 has 16 digits at least. */
const manyDigits = /\d{16}/;

/** @throws SyntaxError when the text is not JSON */
export function parseJson(text: string): JsonValue {
  // A reviver makes reading many times slower, and hardly any text needs it.
  if (!manyDigits.test(text)) return JSON.parse(text) as JsonValue;
  return json.parse(text, (_key, value, context) => {
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
    const source = context.source ?? '';
    return /^-?\d+$/.test(source) ? BigInt(source) : value;
  }) as JsonValue;
}

/** @param indent spaces for each level; none by default */
export function stringifyJson(value: JsonValue, indent = 0): string {
  // A replacer, too, makes it many times slower.
  if (!hasBigint(value)) return JSON.stringify(value, undefined, indent);
  return JSON.stringify(
    value,
    (_key, item: unknown) => (typeof item === 'bigint' ? json.rawJSON(item.toString()) : item),
    indent,
  );
}

/** A value as it may stand in a message: at most so many characters, and never a failure, whatever the value is. */
export function shownJson(value: unknown, lengthMax: number): string {
  const text = messageText(value);
  return text.length > lengthMax ? `${text.slice(0, lengthMax)}…` : text;
}

function messageText(value: unknown): string {
  try {
    const asText = (_key: string, item: unknown): unknown => (typeof item === 'bigint' ? item.toString() : item);
    return typeof value === 'bigint' ? value.toString() : (JSON.stringify(value, asText) ?? String(value));
  } catch {
    // It holds itself, nests deeper than the stack is, or its toJSON or toString fails.
    return Array.isArray(value) ? '[…]' : '{…}';
  }
}

/** What stands for a 64-bit integer in JSON: a number where it is one without loss. */
export function longToJson(value: bigint | undefined): number | bigint | undefined {
  if (value === undefined) return undefined;
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}

function hasBigint(value: JsonValue | undefined): boolean {
  if (typeof value === 'bigint') return true;
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(hasBigint);
  const object = value as JsonObject;
  for (const key in object) if (hasBigint(object[key])) return true;
  return false;
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
