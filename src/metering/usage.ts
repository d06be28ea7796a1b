/**
 * What is paid for, counted: requests, bytes and Lambda's GB-seconds, by table and purpose.
 *
 * Flow of the room: metered stores (metered-object-store.ts, metered-log-store.ts) tell a `Meter` of each request → a
 * `LedgerWriter` puts the meter's totals into the warehouse now and then → the ledger of a time (read-ledger.ts) times a
 * price list (prices.ts) is a bill (bill.ts). Maintenance makes one object of each day's (merge-ledger.ts).
 */

/** Whoever opened the store says what for. */
export type Purpose = 'produce' | 'ingest' | 'commit' | 'compaction' | 'maintenance' | 'read';

export const purposes: readonly Purpose[] = ['produce', 'ingest', 'commit', 'compaction', 'maintenance', 'read'];

export type UsageFigure =
  /** PUT, conditional or not. */
  | 'put'
  /** LIST, by pages. */
  | 'list'
  /** GET, of all or a range, and HEAD. */
  | 'get'
  | 'delete'
  | 'bytesWritten'
  | 'bytesRead'
  /** Calls that append to a log, the payload units of 25 KB that their records come to, and the bytes. */
  | 'logAppend'
  | 'logUnit'
  | 'logBytesWritten'
  /** Calls that read from a log, and the bytes that came. */
  | 'logRead'
  | 'logBytesRead'
  | 'invocation'
  /** Memory of a function times the time that it ran. */
  | 'gbSecond';

export type Usage = Readonly<Record<UsageFigure, number>>;

const zero: Readonly<Record<UsageFigure, 0>> = {
  put: 0,
  list: 0,
  get: 0,
  delete: 0,
  bytesWritten: 0,
  bytesRead: 0,
  logAppend: 0,
  logUnit: 0,
  logBytesWritten: 0,
  logRead: 0,
  logBytesRead: 0,
  invocation: 0,
  gbSecond: 0,
};

export const noUsage: Usage = zero;
export const usageFigures: readonly UsageFigure[] = Object.keys(zero).filter(isUsageFigure);

export function isUsageFigure(text: string): text is UsageFigure {
  return text in zero;
}

export function isPurpose(text: unknown): text is Purpose {
  return purposes.some(purpose => purpose === text);
}

/** Of one table and purpose. `table` is `db.t`; empty for what is of no one table: the catalog, the log itself, the ledger. */
export type UsageEntry = { readonly table: string; readonly purpose: Purpose; readonly usage: Usage };

export const sharedTable = '';

/** The sum of several, figure by figure. */
export function sumUsage(parts: Iterable<Usage>): Usage {
  const sum: Record<UsageFigure, number> = { ...zero };
  for (const part of parts) for (const figure of usageFigures) sum[figure] += part[figure];
  return sum;
}

/** One entry for each table and purpose, in order. */
export function sumEntries(entries: readonly UsageEntry[]): readonly UsageEntry[] {
  const groups = Map.groupBy(entries, ({ table, purpose }) => `${table}\0${purpose}`);
  const summed = [...groups.values()].flatMap(group =>
    group
      .slice(0, 1)
      .map(({ table, purpose }) => ({ table, purpose, usage: sumUsage(group.map(entry => entry.usage)) })),
  );
  return summed.sort(
    (a, b) => compareText(a.table, b.table) || purposes.indexOf(a.purpose) - purposes.indexOf(b.purpose),
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
