/** `tidelake load`. */
import type { Command } from 'commander';
import { collected, headerOf } from './arguments.ts';
import type { CliContext } from './global-options.ts';
import { inputPieces } from './input.ts';

type LoadOptions = {
  readonly in: string;
  readonly as: string;
  readonly header?: readonly (readonly [string, string])[];
};

export function registerLoadCommand(program: Command, { console, withLake }: CliContext): void {
  program
    .command('load')
    .description(
      'bring many lines {"op":"+I|-U|+U|-D","row":{…}} in through the log, once under a name, all or nothing',
    )
    .argument('<db.table>')
    .requiredOption('--in <file>', 'where the lines are; - is stdin')
    .requiredOption('--as <name>', 'of the load: what is loaded again under it is there once')
    .option('--header <name=value>', 'a header of its records; may be given again', collected(headerOf))
    .action(async (name: string, { in: path, as, header = [] }: LoadOptions, command: Command) => {
      const { loadTable } = await import('../service/load-table.ts');
      const { openLakeTable } = await import('../service/tables.ts');
      await withLake(command, { access: 'read-write' }, async parts => {
        const request = { name: as, headers: Object.fromEntries(header), signal: console.signal };
        const table = await openLakeTable(parts, name);
        const receipt = await loadTable(parts, table, { lines: inputPieces(path) }, request);
        const { status, rowCount, recordCount } = receipt;
        const what = status === 'repeated' ? 'was there before' : 'is in the log';
        console.say(`load ${as} ${what}: ${rowCount} rows in ${recordCount} records`);
      });
    });
}
