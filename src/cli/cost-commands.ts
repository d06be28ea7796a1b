/** `tidelake cost` and `tidelake estimate`. */
import { type Command, InvalidArgumentError } from 'commander';
import type { CliContext } from './global-options.ts';
import { textTable } from './text-table.ts';

const priceOption = ['--prices <region or file>', 'list prices of a region, or of a file of your own'] as const;

type CostFlags = {
  readonly from?: string;
  readonly to?: string;
  readonly prices?: string;
  readonly json?: boolean;
};

export function registerCostCommands(program: Command, context: CliContext): void {
  registerCost(program, context);
  registerEstimate(program, context);
}

function registerCost(program: Command, { console, withLake }: CliContext): void {
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

type EstimateFlags = {
  readonly mbPerSecond: number;
  readonly rows?: number;
  readonly rowBytes?: number;
  readonly shards?: number;
  readonly onDemand?: boolean;
  readonly window?: number;
  readonly retention?: number;
  readonly commitLog?: boolean;
  readonly fanOutConsumers?: number;
  readonly prices?: string;
  readonly json?: boolean;
};

function registerEstimate(program: Command, { console }: CliContext): void {
  program
    .command('estimate')
    .description('print what a load would cost in a month on AWS, with the arithmetic; needs no lake')
    .requiredOption('--mb-per-second <n>', 'rows as lines of JSON, in 10^6 bytes', positive)
    .option('--rows <n>', 'rows that lie in the tables in the end, for the storage', positive)
    .option('--row-bytes <n>', 'of a row as JSON', positive)
    .option('--shards <n>', 'of the log; as many as the load takes when left out', positive)
    .option('--on-demand', 'a log that grows by itself')
    .option('--window <seconds>', 'how long rows gather for a commit', positive)
    .option('--retention <hours>', 'how long the log keeps records', positive)
    .option('--commit-log', 'with the commit log and its function')
    .option('--fan-out-consumers <n>', 'registered consumers that all of the log is pushed to', positive)
    .option(...priceOption)
    .option('--json', 'one line of JSON')
    .action(async (flags: EstimateFlags, command: Command) => {
      const { estimate, estimateText } = await import('../service/cost/estimate.ts');
      const { chosenPrices } = await import('../service/cost/price-choice.ts');
      const { region } = command.optsWithGlobals<{ readonly region?: string }>();
      const list = await chosenPrices(flags.prices, region);
      const { window: windowSeconds, retention: retentionHours, json = false, ...rest } = flags;
      const request = { ...rest, windowSeconds, retentionHours, list };
      await console.write(
        json
          ? `${JSON.stringify({ ...estimate(request), region: list.region, pricesOf: list.date })}\n`
          : estimateText(request),
      );
    });
}

function positive(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0)
    throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}
