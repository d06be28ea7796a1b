/** Reads the ledger: what a warehouse has used, by day. */
import { mapBounded } from '../base/concurrency.ts';
import { LakeError } from '../base/errors.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { decodeLedger, type Ledger, ledgerBytesMax, ledgerFolder, placeOfLedgerKey } from './ledger.ts';
import { sumEntries, type UsageEntry } from './usage.ts';

export type DayUsage = { readonly day: string; readonly entries: readonly UsageEntry[] };

export type LedgerDay = {
  readonly day: string;
  readonly mergedKey: string | undefined;
  readonly writerKeys: readonly string[];
};

const getsInParallelMax = 16;
/** An object may be merged between the list and its read; the day is looked at again then. */
const readTriesMax = 5;

/** @param days both included, `2026-11-01`; all when not given · @throws LakeError of the store; `corrupt` LAKE_LEDGER_CORRUPT */
export async function readLedger(
  store: ObjectStore,
  days: { readonly from?: string | undefined; readonly to?: string | undefined } = {},
): Promise<readonly DayUsage[]> {
  const found: DayUsage[] = [];
  for (const listed of await listLedger(store)) {
    const { day } = listed;
    if (day < (days.from ?? '') || day > (days.to ?? '9')) continue;
    const { entries } = (await readListed(store, listed)) ?? (await readDay(store, day));
    found.push({ day, entries });
  }
  return found;
}

/** The days of the ledger in order, each with the keys of its objects. */
export async function listLedger(store: ObjectStore, day?: string): Promise<readonly LedgerDay[]> {
  const days = new Map<string, { mergedKey: string | undefined; readonly writerKeys: string[] }>();
  for await (const { objects } of store.list(`${ledgerFolder}/${day === undefined ? '' : `${day}/`}`)) {
    for (const { key } of objects) {
      const place = placeOfLedgerKey(key);
      if (place === undefined) continue;
      const known = days.get(place.day) ?? { mergedKey: undefined, writerKeys: [] };
      days.set(place.day, known);
      if (place.kind === 'merged') known.mergedKey = key;
      else known.writerKeys.push(key);
    }
  }
  return [...days].map(([name, keys]) => ({ day: name, ...keys }));
}

/** All of a day, with whose it is. */
export async function readDay(store: ObjectStore, day: string): Promise<Ledger> {
  for (let tries = 0; tries < readTriesMax; tries += 1) {
    const [listed] = await listLedger(store, day);
    if (listed === undefined) return { writers: [], entries: [] };
    const ledger = await readListed(store, listed);
    if (ledger !== undefined) return ledger;
  }
  throw new LakeError(
    'unavailable',
    'LAKE_STORE_UNAVAILABLE',
    `${store.uri}: the ledger of ${day} changes while it is read`,
  );
}

/** undefined: one of the objects is gone, so it is in another by now. */
async function readListed(store: ObjectStore, { mergedKey, writerKeys }: LedgerDay): Promise<Ledger | undefined> {
  const merged = mergedKey === undefined ? { writers: [], entries: [] } : await readObject(store, mergedKey);
  if (merged === undefined) return undefined;
  const inMerged = new Set(merged.writers);
  const others = writerKeys.filter(key => {
    const place = placeOfLedgerKey(key);
    return place?.kind === 'writer' && !inMerged.has(place.writer);
  });
  const ledgers: Ledger[] = [merged];
  for (const ledger of await mapBounded(others, getsInParallelMax, key => readObject(store, key))) {
    if (ledger === undefined) return undefined;
    ledgers.push(ledger);
  }
  return {
    writers: ledgers.flatMap(({ writers }) => writers),
    entries: sumEntries(ledgers.flatMap(({ entries }) => entries)),
  };
}

async function readObject(store: ObjectStore, key: string): Promise<Ledger | undefined> {
  const object = await store.get(key, { bytesMax: ledgerBytesMax });
  return object === undefined ? undefined : decodeLedger(object.bytes, `${store.uri}: ${key}`);
}
