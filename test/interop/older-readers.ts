/** Golden roots for writing tables that readers of Paimon 0.9 are to read. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What such a table has to ask for: the Parquet reader of Paimon 0.9 knows no deltas. */
export const olderReadersOption = 'parquet.writer.version = PARQUET_1_0';

/** @returns a folder with these tables of a golden root, which ask for it from their first schema on */
export function rootForOlderReaders(root: string, tables: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidelake-root-'));
  const [key, value] = olderReadersOption.split(' = ');
  for (const name of tables) {
    for (const part of [`warehouse/db.db/${name}/schema`, `expected/${name}`, `ops/${name}.jsonl`]) {
      cpSync(join(root, part), join(folder, part), { recursive: true });
    }
    const schemas = join(folder, 'warehouse/db.db', name, 'schema');
    const files = [...readdirSync(schemas).map(file => join(schemas, file)), join(folder, 'ops', `${name}.jsonl`)];
    for (const file of files) {
      const text = readFileSync(file, 'utf8');
      writeFileSync(file, text.replaceAll('"options" : {', `"options" : {"${key}" : "${value}",`));
    }
  }
  return folder;
}
