/** Real Paimon and a lake of ours on one warehouse, with a database `db`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Lake, openLake } from '../../src/index.ts';
import { type Paimon, startPaimon } from './paimon.ts';

export type Both = AsyncDisposable & { readonly paimon: Paimon; readonly lake: Lake; readonly warehouse: string };

/** The folder goes when it is disposed of. @param name a part of the folder's name */
export async function openBoth(name: string): Promise<Both> {
  const paimon = await startPaimon();
  const warehouse = mkdtempSync(join(tmpdir(), `tidelake-${name}-`));
  const lake = await openLake({ warehouse: `file:${warehouse}` });
  await lake.sql('CREATE DATABASE db');
  return {
    ...{ paimon, lake, warehouse },
    async [Symbol.asyncDispose]() {
      await paimon[Symbol.asyncDispose]();
      await lake[Symbol.asyncDispose]();
      rmSync(warehouse, { recursive: true, force: true });
    },
  };
}
