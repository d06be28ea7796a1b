/** Names of all tables of a lake. */
import { eachTable } from '../catalog/each-table.ts';
import { printIdentifier } from '../catalog/identifier.ts';
import type { LakeParts } from './lake-parts.ts';

/** `db.t`, in order. */
export async function listAllTables(parts: LakeParts): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const identifier of eachTable(parts)) names.push(printIdentifier(identifier));
  return names;
}
