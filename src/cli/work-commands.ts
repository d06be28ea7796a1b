/** `tidelake compact`, `ingest` and `dev`. */
import { type Command, Option } from 'commander';
import { type SortStrategy, sortStrategies } from '../service/sort-strategies.ts';
import { collected, nameList, partitionOf } from './arguments.ts';
import type { CliContext } from './global-options.ts';

export function registerWorkCommands(program: Command, context: CliContext): void {
  registerCompact(program, context);
  registerIngest(program, context);
  registerDev(program, context);
}

type CompactFlags = {
  readonly full?: boolean;
  readonly orderBy?: readonly string[];
  readonly orderStrategy?: SortStrategy;
  readonly partition?: readonly Readonly<Record<string, string>>[];
  readonly where?: string;
};

function registerCompact(program: Command, { console, withLake }: CliContext): void {
  const strategy = new Option('--order-strategy <word>', 'along a curve, or simply by the columns');
  program
    .command('compact')
    .description('merge the files of a table, or sort their rows')
    .argument('<db.table>')
    .option('--full', 'all of them, whatever their shape')
    .option('--order-by <columns>', 'sort all rows of an append table by these', nameList)
    .addOption(strategy.choices(sortStrategies))
    .option('--partition <k=v,…>', 'only this one; may be given several times', collected(partitionOf))
    .option('--where <expression>', 'only partitions that it lets pass')
    .action(async (name: string, flags: CompactFlags, command: Command) => {
      const { full, orderBy, orderStrategy, partition: partitions, where } = flags;
      if (orderStrategy !== undefined && orderBy === undefined) command.error('--order-strategy needs --order-by');
      const sort = orderBy === undefined ? undefined : { strategy: orderStrategy ?? 'order', columns: orderBy };
      const { compactLakeTable } = await import('../service/compact-lake-table.ts');
      const { partsAs } = await import('../service/lake-parts.ts');
      const { openLakeTable } = await import('../service/tables.ts');
      await withLake(command, { access: 'read-write' }, async parts => {
        const table = await openLakeTable(partsAs(parts, 'compaction'), name);
        const request = { full, sort, partitions, where, signal: console.signal };
        const receipt = await compactLakeTable(table, request);
        const what =
          receipt.snapshotId === undefined ? `nothing to do: ${receipt.detail}` : `snapshot ${receipt.snapshotId}`;
        console.say(`compacted ${name}: ${what}`);
      });
    });
}

function registerIngest(program: Command, { console, withLake }: CliContext): void {
  program
    .command('ingest')
    .description('take what the log has into the tables, until stopped')
    .option('--once', 'end when everything is in')
    .action(async ({ once = false }: { readonly once?: boolean }, command: Command) => {
      const { ingestOnce } = await import('../service/ingest-log.ts');
      const { logOf } = await import('../service/lake-parts.ts');
      await withLake(command, { access: 'read-write' }, async parts => {
        if (!once) {
          logOf(parts, 'ingest');
          await runWorker(console, parts, { compaction: false, maintenance: false });
          return;
        }
        const receipt = await ingestOnce(parts, console.signal);
        console.say(`ingested ${receipt.rowCount} rows in ${receipt.commitCount} commits`);
        if (receipt.lostShards.length > 0) console.say(`lost records of ${receipt.lostShards.join(', ')}`);
      });
    });
}

function registerDev(program: Command, { console, withLake }: CliContext): void {
  program
    .command('dev')
    .description('a whole lake in one process: log, ingest, compaction and maintenance, until stopped')
    .action(async (_options: object, command: Command) => {
      const { logBeside } = await import('../service/settings.ts');
      await withLake(command, { access: 'read-write', log: logBeside }, async parts => {
        console.say(`lake ${parts.store.uri}, log ${parts.log?.uri ?? 'none'}; Ctrl-C ends it`);
        await runWorker(console, parts, {});
      });
    });
}

type Parts = Parameters<Parameters<CliContext['withLake']>[2]>[0];

async function runWorker(
  console: CliContext['console'],
  parts: Parts,
  loops: { readonly compaction?: boolean; readonly maintenance?: boolean },
): Promise<void> {
  const { LakeWorker } = await import('../service/worker.ts');
  const { printWorkerEvent } = await import('../service/worker-events.ts');
  const { signal } = console;
  await using worker = new LakeWorker(parts, {
    ...loops,
    signal,
    onEvent: event => console.say(printWorkerEvent(event)),
  });
  await worker.done;
}
