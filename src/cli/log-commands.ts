/** `tidelake log tail`. */
import type { Command } from 'commander';
import type { CliContext } from './global-options.ts';

type TailOptions = { readonly from?: 'snapshot' | 'earliest'; readonly follow?: boolean };

export function registerLogCommands(program: Command, { console, withLake }: CliContext): void {
  program
    .command('log')
    .description('look at the log')
    .command('tail')
    .description('print what the log has of a table beyond its newest snapshot, as lines such as +I {…}')
    .argument('<db.table>')
    .option('--earliest', 'everything of the table that the log still keeps')
    .option('-f, --follow', 'go on with what is appended, until stopped')
    .action(async (name: string, options: { earliest?: boolean } & TailOptions, command: Command) => {
      const { tailLines } = await import('../service/tail-lines.ts');
      const { signal } = console;
      const { earliest = false, follow = false } = options;
      await withLake(command, { access: 'read' }, async parts => {
        const pieces = tailLines(parts, name, { from: earliest ? 'earliest' : 'snapshot', follow, signal });
        await console.writeAll(pieces);
      });
    });
}
