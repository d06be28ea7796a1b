/** Changes to JSON and to languages, which bytes changed blindly would mostly make unreadable at the first step. */
import { isJsonObject, type JsonValue, parseJson, stringifyJson } from '../../src/base/json.ts';
import type { Random } from '../../src/base/random.ts';
import { below, type Mutator, mutateBytes, pick } from './mutate-bytes.ts';

const encoder = new TextEncoder();

/** Values that a reader of JSON may not expect where another stood. */
const oddValues: readonly JsonValue[] = [
  null,
  true,
  false,
  0,
  1,
  -1,
  0.5,
  1e308,
  -1e-7,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  9_223_372_036_854_775_807n,
  -9_223_372_036_854_775_808n,
  9_223_372_036_854_775_808n,
  10n ** 40n,
  '',
  'x',
  '0',
  '-1',
  '1e3',
  'NaN',
  '1970-01-01 00:00:00',
  '\u0000',
  '\ud800',
  'é\u{1f600}',
  '../../x',
  'x'.repeat(3000),
  '9'.repeat(100),
  [],
  [null],
  [[]],
  {},
  { toString: 1 },
  { constructor: 1, length: 5 },
];
const oddKeys = ['__proto__', 'constructor', 'toString', 'length', '', 'x', 'then'];
const depths = [70, 300, 3000, 20_000];

/** One value of the document, somewhere, is dropped, doubled, renamed or becomes another. */
function changedJson(value: JsonValue, random: Random): JsonValue {
  const entries = isJsonObject(value) ? Object.entries(value) : [];
  if (Array.isArray(value) && value.length > 0 && random.next() < 0.97) return changedList(value, random);
  if (entries.length > 0 && random.next() < 0.97) {
    const at = below(random, entries.length);
    const [key, item = null] = entries[at] ?? ['', null];
    switch (below(random, 8)) {
      case 0:
        return Object.fromEntries(entries.filter((_, index) => index !== at));
      case 1:
        return Object.fromEntries(
          entries.map((entry, index) => (index === at ? [pick(random, oddKeys), item] : entry)),
        );
      case 2:
        return Object.fromEntries([...entries, [pick(random, oddKeys), pick(random, oddValues)]]);
      case 3: {
        const [, otherValue] = pick(random, entries);
        return Object.fromEntries(entries.map((entry, index) => (index === at ? [key, otherValue] : entry)));
      }
      default:
        return Object.fromEntries(entries.map((e, index) => (index === at ? [key, changedJson(item, random)] : e)));
    }
  }
  return random.next() < 0.5 ? nearby(value, random) : pick(random, oddValues);
}

/** A value of the same type that is not far off. */
function nearby(value: JsonValue, random: Random): JsonValue {
  if (typeof value === 'number') return value + pick(random, [-1, 1, 10, 1000]);
  if (typeof value === 'bigint') return value + pick(random, [-1n, 1n, 1n << 40n]);
  if (typeof value === 'boolean') return !value;
  if (typeof value !== 'string') return pick(random, oddValues);
  const at = below(random, value.length + 1);
  return value.slice(0, at) + pick(random, ['', '0', '-', 'Z', '(', ' ']) + value.slice(at + below(random, 2));
}

function changedList(list: readonly JsonValue[], random: Random): JsonValue {
  const at = below(random, list.length);
  switch (below(random, 5)) {
    case 0:
      return list.toSpliced(at, 1);
    case 1:
      return list.toSpliced(at, 0, list[below(random, list.length)] ?? null);
    default:
      return list.map((item, index) => (index === at ? changedJson(item, random) : item));
  }
}

/** Text in which the value `"@deep"` stands for lists or objects in each other. */
function deepened(text: string, random: Random): string {
  const depth = pick(random, depths);
  const isList = random.next() < 0.5;
  const deep = isList ? '['.repeat(depth) + ']'.repeat(depth) : `${'{"type":'.repeat(depth)}1${'}'.repeat(depth)}`;
  const values = [...text.matchAll(/(?<=[:,[])\s*("(?:[^"\\]|\\.)*"|-?\d+|null|true|false)(?=\s*[,}\]])/g)];
  const found = values[below(random, Math.max(1, values.length))];
  if (found === undefined) return deep;
  return text.slice(0, found.index) + deep + text.slice(found.index + found[0].length);
}

/** JSON stays JSON, mostly. */
export const mutateJson: Mutator = (input, random, other) => {
  if (random.next() < 0.15) return mutateBytes(input, random, other);
  try {
    const text = new TextDecoder().decode(input);
    if (random.next() < 0.02) return encoder.encode(deepened(text, random));
    let value = parseJson(text);
    const count = random.next() < 0.7 ? 1 : 3;
    for (let left = count; left > 0; left -= 1) value = changedJson(value, random);
    return encoder.encode(stringifyJson(value));
  } catch {
    // The corpus holds texts that are no JSON, too.
    return mutateBytes(input, random, other);
  }
};

const odd = ["'", '"', '`', '(', ')', '((((', '/*', '*/', '/*+', '--', ';', ',', '.', '\\', '\u0000', '\n', '<', '>'];
const words =
  'NOT NULL AND OR IN BETWEEN LIKE SELECT FROM WHERE OPTIONS FOR SYSTEM_TIME AS OF ARRAY ROW MAP 0 -1 1e999';
const pieces = [
  ...odd,
  ...words.split(' '),
  '9'.repeat(400),
  'ARRAY<'.repeat(40),
  '('.repeat(5000),
  'NOT '.repeat(9000),
];

/** Words and signs of a language moved, doubled, dropped, or replaced by those of another text. */
export const mutateText: Mutator = (input, random, other) => {
  if (random.next() < 0.1) return mutateBytes(input, random, other);
  const cut = (bytes: Uint8Array): string[] =>
    new TextDecoder().decode(bytes).match(/\s+|[\p{L}\p{N}_]+|[^\p{L}\p{N}_\s]/gu) ?? [];
  let tokens = cut(input);
  const others = cut(other);
  for (let left = 1 + below(random, 5); left > 0; left -= 1) {
    const at = below(random, tokens.length + 1);
    const length = 1 + below(random, 4);
    const chance = random.next();
    if (chance < 0.25) tokens = tokens.toSpliced(at, length);
    else if (chance < 0.45)
      tokens = tokens.toSpliced(below(random, tokens.length + 1), 0, ...tokens.slice(at, at + length));
    else if (chance < 0.75) tokens = tokens.toSpliced(at, random.next() < 0.5 ? 1 : 0, pick(random, pieces));
    else if (others.length > 0)
      tokens = tokens.toSpliced(at, 1, ...others.slice(below(random, others.length)).slice(0, length));
  }
  return encoder.encode(tokens.join(''));
};

const kindsOfTokens = [/^\d+(\.\d+)?$/, /^[A-Za-z_]\w*$/, /^'[^']*'$/, /^`[^`]*`$/, /^[-+*/<>=]+$/];
const oddNumbers = ['0', '1', '2147483648', '9223372036854775808', '1e308', '0.1', `1${'0'.repeat(38)}`];
const oddTexts = ["''", "'a'", "'%'", "'1'", "'2024-02-30'", "'\u{1f600}'", `'${'x'.repeat(3000)}'`];

/** A query whose words, numbers, texts and signs become others of their kind: mostly still a query. */
export const mutateQuery: Mutator = (input, random, other) => {
  if (random.next() < 0.1) return mutateText(input, random, other);
  const cut = (bytes: Uint8Array): string[] =>
    new TextDecoder().decode(bytes).match(/\s+|'[^']*'|`[^`]*`|\d+\.\d+|\w+|[<>=]+|./gu) ?? [];
  const tokens = cut(input);
  const others = [...cut(other), ...tokens, ...oddNumbers, ...oddTexts];
  for (let left = 1 + below(random, 3); left > 0; left -= 1) {
    const at = below(random, tokens.length);
    const kind = kindsOfTokens.find(pattern => pattern.test(tokens[at] ?? ''));
    if (kind === undefined) continue;
    tokens[at] = pick(
      random,
      others.filter(token => kind.test(token)),
    );
  }
  return encoder.encode(tokens.join(''));
};
