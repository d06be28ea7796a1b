/** `tidelake watch`. */
import type { Command } from 'commander';
import { nameList, positiveNumber, wholeNumber } from './arguments.ts';
import type { CliContext } from './global-options.ts';

type WatchOptions = {
  readonly key?: readonly string[];
  readonly where?: string;
  readonly columns?: readonly string[];
  readonly resume?: string;
  readonly interval?: number;
  readonly batches?: number;
};

export function registerWatchCommand(program: Command, { console, withLake }: CliContext): void {
  program
    .command('watch')
    .description('print the rows of a query or a table, then what changes of them, as lines such as + {…}')
    .argument('<query>', 'one SELECT, or the name of a table')
    .option('--key <names>', 'of a query: columns that tell its rows apart, with commas between them', nameList)
    .option('--where <expression>', 'of a table: a boolean expression of SQL over the columns')
    .option('--columns <names>', 'of a table: only these, with commas between them', nameList)
    .option('--resume <place>', 'goes on where another watch of the same ended: what stands behind = in its lines')
    .option('--interval <ms>', 'changes that come within so long are printed together; 200 unless given', wholeNumber)
    .option('--batches <count>', 'ends after so many answers and differences', positiveNumber)
    .action(async (query: string, options: WatchOptions, command: Command) => {
      const { watchLines } = await import('../service/watch/watch-lines.ts');
      const { interval: intervalMs, batches: batchCountMax, ...rest } = options;
      await withLake(command, { access: 'read' }, async parts => {
        const { signal } = console;
        await console.writeAll(watchLines(parts, query, { ...rest, intervalMs, batchCountMax, signal }));
      });
    });
}
