/** `tidelake snapshots`, `files`, `schema` and `options`. */
import type { Command } from 'commander';
import type { CliContext } from './global-options.ts';
import { textTable } from './text-table.ts';

const parts = {
  snapshots: 'the snapshots of a table',
  files: 'the live data files of a table',
  schema: 'the columns of a table; with --json its schema in Paimon’s form',
  options: 'the options of a table',
} as const;

export function registerDescribeCommands(program: Command, { console, withLake }: CliContext): void {
  for (const part of ['snapshots', 'files', 'schema', 'options'] as const) {
    program
      .command(part)
      .description(`print ${parts[part]}`)
      .argument('<db.table>')
      .option('--json', 'lines of JSON instead of a table')
      .action(async (name: string, { json = false }: { readonly json?: boolean }, command: Command) => {
        const { describeCells, describeLines } = await import('../service/describe-table.ts');
        await withLake(command, { access: 'read' }, async lake => {
          if (json) await console.write(await describeLines(lake, name, part));
          else await console.writeAll(textTable(await describeCells(lake, name, part)));
        });
      });
  }
}
