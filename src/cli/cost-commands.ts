/** `tidelake cost`. */
import type { Command } from 'commander';
import type { CliContext } from './global-options.ts';
import { textTable } from './text-table.ts';

export const priceOption = ['--prices <region or file>', 'list prices of a region, or of a file of your own'] as const;

type CostFlags = {
  readonly from?: string;
  readonly to?: string;
  readonly prices?: string;
  readonly json?: boolean;
};

export function registerCostCommands(program: Command, { console, withLake }: CliContext): void {
  program
    .command('cost')
    .description('print what a table has used, by day and purpose, in requests, bytes and dollars')
    .argument('[db.table]', 'all tables when left out')
    .option('--from <day>', 'the first day, such as 2026-11-01')
    .option('--to <day>', 'the last day')
    .option(...priceOption)
    .option('--json', 'lines of JSON instead of a table')
    .action(async (table: string | undefined, { from, to, prices, json = false }: CostFlags, command: Command) => {
      const { costJsonLines, costNotes, costReport, costTable } = await import('../service/cost/cost-report.ts');
      const { chosenPrices } = await import('../service/cost/price-choice.ts');
      await withLake(command, { access: 'read' }, async parts => {
        const list = await chosenPrices(prices, parts.settings.s3?.region);
        const report = await costReport(parts, { table, from, to, list });
        if (json) for (const line of costJsonLines(report)) await console.write(line);
        else {
          await console.writeAll(textTable(costTable(report)));
          for (const line of costNotes(report)) await console.write(`${line}\n`);
        }
      });
    });
}
