/**
 * Maintenance of a whole warehouse: every table of every database, drops that were cut short, what dropped tables have left,
 * aged claims.
 */
import { mapBounded } from '../base/concurrency.ts';
import { tablesIn } from '../catalog/catalog.ts';
import { isHalfDropped } from '../catalog/drop-marker.ts';
import { dropTable } from '../catalog/drop-table.ts';
import { childFolders } from '../catalog/folders.ts';
import { databaseOfFolder, databasePath, type Identifier } from '../catalog/identifier.ts';
import type { CatalogParts } from '../catalog/publish-schema.ts';
import { type MergeReceipt, mergeLedger } from '../metering/merge-ledger.ts';
import { manifestCaches } from '../table/manifests.ts';
import { openTable } from '../table/table.ts';
import { type ClaimReceipt, removeAgedClaims } from './aged-claims.ts';
import { type DropReceipt, removeDroppedRemains } from './dropped-tables.ts';
import { tablesInParallelMax } from './limits.ts';
import { type MaintainOptions, type MaintainReceipt, maintainTable } from './maintain-table.ts';
import { done, type RunEnd, runToEnd } from './receipt.ts';

export type WarehouseOptions = MaintainOptions & {
  /** How long the log keeps a record; undefined: for ever, or there is no log: claims stay. */
  readonly logRetentionMs: number | undefined;
};

export type WarehouseReceipt = {
  /** By name. A table that could not be opened has no lines and says why. */
  readonly tables: readonly MaintainReceipt[];
  /** Dropped tables of which something was left. */
  readonly dropped: readonly DropReceipt[];
  readonly claims: ClaimReceipt;
  /** undefined: it is looked after with the orphans. */
  readonly ledger: (MergeReceipt & { readonly end: RunEnd }) | undefined;
};

/** @throws LakeError when the warehouse cannot be listed */
export async function maintainWarehouse(parts: CatalogParts, options: WarehouseOptions): Promise<WarehouseReceipt> {
  const caches = manifestCaches(parts.workMemory);
  const dropped: DropReceipt[] = [];
  const names: Identifier[] = [];
  for (const database of await databaseFolders(parts)) {
    const tables = new Set(await Array.fromAsync(tablesIn(parts.store, database)));
    for await (const table of childFolders(parts.store, `${databasePath(database)}/`)) {
      const identifier = { database, table, branch: undefined, systemTable: undefined };
      if (tables.has(table)) names.push(identifier);
      else {
        const receipt = await removeDroppedRemains(parts.store, identifier, options);
        if (receipt.status === 'given-up' || receipt.removed.fileCount > 0) dropped.push(receipt);
      }
    }
  }
  const tables = await mapBounded(names, tablesInParallelMax, async ({ database, table: name }) => {
    let receipt: MaintainReceipt | undefined;
    const end = await runToEnd(async () => {
      const table = await openTable(parts.store, { database, name }, { ...parts, caches });
      if (await isHalfDropped(table)) {
        await dropTable(
          parts,
          { database, table: name, branch: undefined, systemTable: undefined },
          { ifExists: true },
        );
        return done;
      }
      receipt = await maintainTable(table, options);
      return receipt.end;
    });
    return receipt ?? { label: `${database}.${name}`, lines: [], orphans: undefined, end };
  });
  const claims = await removeAgedClaims(parts.store, options);
  const ledger = options.orphans === 'remove' ? await maintainLedger(parts, options) : undefined;
  return { tables, dropped, claims, ledger };
}

async function maintainLedger(
  { store, clock }: CatalogParts,
  { signal }: WarehouseOptions,
): Promise<MergeReceipt & { readonly end: RunEnd }> {
  let receipt: MergeReceipt = { mergedDays: 0, removedObjects: 0 };
  const end = await runToEnd(async () => {
    receipt = await mergeLedger(store, { nowMs: clock.nowMs(), signal });
    return done;
  });
  return { ...receipt, end };
}

/** Also those that hold nothing but what dropped tables have left. */
async function databaseFolders({ store }: CatalogParts): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const folder of childFolders(store, '')) {
    const database = databaseOfFolder(folder);
    if (database !== undefined) names.push(database);
  }
  return names;
}
