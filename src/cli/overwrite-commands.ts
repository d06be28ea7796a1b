/** `tidelake overwrite`, `truncate` and `drop-partition`. */
import type { Command } from 'commander';
import { collected, partitionOf } from './arguments.ts';
import type { CliContext } from './global-options.ts';
import { inputPieces } from './input.ts';

type Partition = Readonly<Record<string, string>>;
type OverwriteOptions = { readonly in: string; readonly partition?: Partition; readonly static?: boolean };
type DropOptions = { readonly partition?: readonly Partition[]; readonly where?: string; readonly ifExists?: boolean };

export function registerOverwriteCommands(program: Command, context: CliContext): void {
  registerOverwrite(program, context);
  registerTruncate(program, context);
  registerDropPartition(program, context);
}

function registerOverwrite(program: Command, { console, withLake }: CliContext): void {
  program
    .command('overwrite')
    .description('put lines {"op":"+I","row":{…}} in the place of what their partitions have')
    .argument('<db.table>')
    .requiredOption('--in <file>', 'where the lines are; - is stdin')
    .option('--partition <k=v,…>', 'keys that all rows have', partitionOf)
    .option('--static', 'in the place of that partition, or of the whole table, whichever partitions the rows have')
    .action(async (name: string, options: OverwriteOptions, command: Command) => {
      const { gatherLines } = await import('../service/gather-rows.ts');
      const { overwriteLakeTable } = await import('../service/overwrite-lake-table.ts');
      const { openLakeTable } = await import('../service/tables.ts');
      const { partition, static: isStatic } = options;
      await withLake(command, { access: 'read-write' }, async parts => {
        const table = await openLakeTable(parts, name);
        const { signal } = console;
        const request = { partition, ...(isStatic === true ? { mode: 'static' as const } : {}), signal };
        const rows = gatherLines(table, inputPieces(options.in));
        const { snapshotId, rowCount, removedRowCount } = await overwriteLakeTable(parts, table, rows, request);
        const where = snapshotId === undefined ? 'nothing to do' : `snapshot ${snapshotId}`;
        console.say(`overwrote ${name}: ${rowCount} rows for ${removedRowCount}, ${where}`);
      });
    });
}

function registerTruncate(program: Command, { console, withLake }: CliContext): void {
  program
    .command('truncate')
    .description('take all rows of a table away')
    .argument('<db.table>')
    .action(async (name: string, _options: object, command: Command) => {
      const { truncateLakeTable } = await import('../service/overwrite-lake-table.ts');
      const { openLakeTable } = await import('../service/tables.ts');
      await withLake(command, { access: 'read-write' }, async parts => {
        const table = await openLakeTable(parts, name);
        const { snapshotId, removedRowCount } = await truncateLakeTable(parts, table, console.signal);
        console.say(`truncated ${name}: ${removedRowCount} rows are gone, snapshot ${snapshotId}`);
      });
    });
}

function registerDropPartition(program: Command, { console, withLake }: CliContext): void {
  program
    .command('drop-partition')
    .description('take the rows of partitions away')
    .argument('<db.table>')
    .option('--partition <k=v,…>', 'keys of a partition; may be given several times', collected(partitionOf))
    .option('--where <expression>', 'all that it lets pass; it compares partition keys with constants')
    .option('--if-exists', 'a partition that is not there is fine')
    .action(async (name: string, { partition, where, ifExists = false }: DropOptions, command: Command) => {
      const choice = where === undefined ? partition : { where };
      if (choice === undefined || (where !== undefined && partition !== undefined)) {
        command.error('give either --partition or --where');
      }
      const { dropLakePartitions } = await import('../service/overwrite-lake-table.ts');
      const { openLakeTable } = await import('../service/tables.ts');
      await withLake(command, { access: 'read-write' }, async parts => {
        const table = await openLakeTable(parts, name);
        const options = { ifExists, signal: console.signal };
        const { snapshotId, removedRowCount } = await dropLakePartitions(parts, table, choice, options);
        const where = snapshotId === undefined ? 'nothing to do' : `snapshot ${snapshotId}`;
        console.say(`dropped partitions of ${name}: ${removedRowCount} rows are gone, ${where}`);
      });
    });
}
