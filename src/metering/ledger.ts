/**
 * The ledger of a warehouse: what each process has used on each day, as small objects (RFC 0011).
 *
 * ```
 * tidelake/cost/2026-11-27/{writer}.json   totals of one process on that day; written anew as a whole when they grow
 * tidelake/cost/2026-11-27/merged.json     what maintenance made of a day that is over: the sum, and whose it is
 * ```
 * An object holds totals and never increments, so writing it twice is writing it once. A writer that `merged.json` names
 * counts there and nowhere else.
 */
import { corrupt } from '../base/errors.ts';
import { isJsonObject, type JsonValue, parseJson, stringifyJson } from '../base/json.ts';
import { isPurpose, noUsage, type UsageEntry, type UsageFigure, usageFigures } from './usage.ts';

export const ledgerFolder = 'tidelake/cost';
/** An object of the ledger, at most. */
export const ledgerBytesMax: number = 16 * 1024 * 1024;

export type Ledger = {
  /** Whose totals these are: one process, or all that were merged. */
  readonly writers: readonly string[];
  readonly entries: readonly UsageEntry[];
};

const version = 1;
const mergedName = 'merged.json';
const writerPattern = /^[\w-]{1,64}$/;
const dayPattern = /^\d{4}-\d{2}-\d{2}$/;

export function ledgerKey(day: string, writer: string): string {
  return `${ledgerFolder}/${day}/${writer}.json`;
}

export function mergedLedgerKey(day: string): string {
  return `${ledgerFolder}/${day}/${mergedName}`;
}

/** What a key of the ledger names; undefined for anything else that lies there. */
export function placeOfLedgerKey(
  key: string,
):
  | { readonly day: string; readonly kind: 'merged' }
  | { readonly day: string; readonly kind: 'writer'; readonly writer: string }
  | undefined {
  if (!key.startsWith(`${ledgerFolder}/`)) return undefined;
  const [day = '', name = '', ...more] = key.slice(ledgerFolder.length + 1).split('/');
  if (!dayPattern.test(day) || more.length > 0) return undefined;
  if (name === mergedName) return { day, kind: 'merged' };
  const writer = name.endsWith('.json') ? name.slice(0, -'.json'.length) : '';
  return writerPattern.test(writer) ? { day, kind: 'writer', writer } : undefined;
}

export function encodeLedger({ writers, entries }: Ledger): Uint8Array {
  const used = entries.map(({ table, purpose, usage }) => {
    const figures = usageFigures.flatMap(figure => (usage[figure] === 0 ? [] : [[figure, rounded(usage[figure])]]));
    return { table, purpose, ...Object.fromEntries(figures) };
  });
  return new TextEncoder().encode(stringifyJson({ version, writers, entries: used }));
}

/** Shares of an invocation have digits without end; a thousandth of a millisecond of a GB is enough. */
function rounded(value: number): number {
  return value < 1e9 ? Math.round(value * 1e6) / 1e6 : Math.round(value);
}

/** @param where for messages: the object · @throws LakeError `corrupt` LAKE_LEDGER_CORRUPT */
export function decodeLedger(bytes: Uint8Array, where: string): Ledger {
  let json: JsonValue;
  try {
    json = parseJson(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw bad(where, 'it is not JSON', error);
  }
  if (!isJsonObject(json) || json['version'] !== version) throw bad(where, `it is not of version ${version}`);
  const { writers, entries } = json;
  if (!Array.isArray(writers) || !Array.isArray(entries)) throw bad(where, 'it has no writers or no entries');
  return {
    writers: writers.map(writer => checkedWriter(writer, where)),
    entries: entries.map(entry => entryOf(entry, where)),
  };
}

function checkedWriter(json: JsonValue, where: string): string {
  if (typeof json === 'string' && writerPattern.test(json)) return json;
  throw bad(where, 'a writer has no name');
}

function entryOf(json: JsonValue, where: string): UsageEntry {
  if (!isJsonObject(json)) throw bad(where, 'an entry is no object');
  const { table, purpose } = json;
  if (typeof table !== 'string' || !isPurpose(purpose)) throw bad(where, 'an entry has no table or no known purpose');
  const usage: Record<UsageFigure, number> = { ...noUsage };
  for (const figure of usageFigures) {
    const value = json[figure] ?? 0;
    if (typeof value !== 'number' || !(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) {
      throw bad(where, `${figure} is not a count`);
    }
    usage[figure] = rounded(value);
  }
  return { table, purpose, usage };
}

function bad(where: string, why: string, cause?: unknown): Error {
  return corrupt('LAKE_LEDGER_CORRUPT', `${where}: ${why}`, { cause });
}
