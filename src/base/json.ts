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

/** @throws SyntaxError when the text is not JSON */
export function parseJson(text: string): JsonValue {
  return json.parse(text, (_key, value, context) => {
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
    const source = context.source ?? '';
    return /^-?\d+$/.test(source) ? BigInt(source) : value;
  }) as JsonValue;
}

/** @param indent spaces for each level; none by default */
export function stringifyJson(value: JsonValue, indent = 0): string {
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

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
