/** `tidelake sql`. */
import type { Command } from 'commander';
import type { CliContext } from './global-options.ts';
import { textTable } from './text-table.ts';

export function registerSqlCommand(program: Command, { console, withLake }: CliContext): void {
  program
    .command('sql')
    .description('run SQL statements: Flink’s dialect for tables, DuckDB’s for queries')
    .argument('<statements>', 'with semicolons between them')
    .option('--json', 'lines of JSON instead of tables')
    .action(async (text: string, { json = false }: { readonly json?: boolean }, command: Command) => {
      const { runPrintableSql } = await import('../service/run-sql.ts');
      await withLake(command, { access: 'read-write' }, async parts => {
        for await (const result of runPrintableSql(parts, { text, signal: console.signal })) {
          if (result.kind === 'ok') console.say(result.message);
          else await console.writeAll(json ? result.lines() : textTable(result.cells()));
        }
      });
    });
}
