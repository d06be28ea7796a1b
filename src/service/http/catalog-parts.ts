/** What the catalog function works with. SQL is not among it, so that it stays small. */
import type { LogStore } from '../../storage/log-store.ts';
import { type ManifestCaches, manifestCaches } from '../../table/manifests.ts';
import { type FunctionParts, openFunctionParts, openMeteredLog, withNamedLogs } from '../functions/function-parts.ts';
import type { LogParts } from '../named-logs.ts';
import { logAddress, settingsWithEnvironment } from '../settings.ts';
import { RequestWriter } from './request-writer.ts';

/** Without a log rows are not taken, and subscriptions follow snapshots. */
export type CatalogParts = FunctionParts &
  LogParts & {
    readonly caches: ManifestCaches;
    readonly writer: RequestWriter;
  };

/** It has no right to try whether conditional PUT works, and never needs it. */
const ownSettings = { s3: { conditionalPutProbe: 'never' }, cost: { ledger: 'on' } } as const;

/** The lake that the environment names. @throws LakeError as `openFunctionParts` and `openLog` do */
export async function openCatalogParts(): Promise<CatalogParts> {
  const parts = await openFunctionParts('read', settingsWithEnvironment(ownSettings));
  const address = logAddress(parts.settings);
  const log = address === undefined ? undefined : await openMeteredLog(parts, address);
  return catalogPartsOf(parts, log);
}

export function catalogPartsOf(parts: FunctionParts, log: LogStore | undefined): CatalogParts {
  const opened = { ...withNamedLogs(parts, log), caches: manifestCaches(parts.workMemory) };
  return { ...opened, writer: new RequestWriter(opened) };
}
