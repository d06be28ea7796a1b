/** `tidelake log tail`, `lag`, `locate` and `producer`. */
import { type Command, Option } from 'commander';
import { wholeNumber } from './arguments.ts';
import type { CliContext } from './global-options.ts';

type TailOptions = { readonly from?: 'snapshot' | 'earliest'; readonly follow?: boolean };

export function registerLogCommands(program: Command, context: CliContext): void {
  const log = program.command('log').description('look at the log');
  registerTail(log, context);
  registerLag(log, context);
  registerLocate(log, context);
  registerProducer(log, context);
}

function registerTail(log: Command, { console, withLake }: CliContext): void {
  log
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

type LagOptions = {
  readonly resume?: string;
  readonly consumer?: string;
  readonly group?: string;
  readonly json?: boolean;
};

function registerLag(log: Command, { console, withLake }: CliContext): void {
  log
    .command('lag')
    .description('say how far ingest is behind the log of a table, or a consumer or place of a subscription')
    .argument('<db.table>')
    .addOption(new Option('--consumer <id>', 'that the table remembers').conflicts('resume'))
    .addOption(new Option('--group <name>', 'of readers, with who reads which shard').conflicts(['consumer', 'resume']))
    .option('--resume <place>', 'that a subscription has given')
    .option('--json', 'one line of JSON')
    .action(async (name: string, { json, ...request }: LagOptions, command: Command) => {
      const { lagJson, lagLines, lagOfTable } = await import('../service/table-lag.ts');
      const { openLakeTable } = await import('../service/tables.ts');
      await withLake(command, { access: 'read' }, async parts => {
        const lag = await lagOfTable(parts, await openLakeTable(parts, name), { ...request, signal: console.signal });
        if (json === true) await console.write(`${lagJson(lag)}\n`);
        else for (const line of lagLines(lag)) await console.write(line);
      });
    });
}

type LocateOptions = {
  readonly shard?: string;
  readonly position?: string;
  readonly producer?: string;
  readonly lane?: number;
  readonly number?: number;
  readonly json?: boolean;
};

function registerLocate(log: Command, { console, withLake }: CliContext): void {
  log
    .command('locate')
    .description('say which snapshot brought a record of the log into its table')
    .argument('<db.table>')
    .option('--shard <id>', 'where the log has it, with --position')
    .option('--position <number>', 'in the shard')
    .option('--producer <id>', 'who made it, with --lane and --number')
    .option('--lane <number>', 'the bucket, or the lane of a table without fixed ones', wholeNumber)
    .option('--number <number>', 'of the producer in the lane', wholeNumber)
    .option('--json', 'one line of JSON')
    .action(async (name: string, options: LocateOptions, command: Command) => {
      const record = recordNameOf(options);
      if (record === undefined) command.error('give --shard and --position, or --producer, --lane and --number');
      const { trailLine, trailOf } = await import('../service/locate-record.ts');
      const { openLakeTable } = await import('../service/tables.ts');
      await withLake(command, { access: 'read' }, async parts => {
        const trail = await trailOf(await openLakeTable(parts, name), record);
        await console.write(`${options.json === true ? JSON.stringify(trail) : trailLine(name, trail)}\n`);
      });
    });
}

function registerProducer(log: Command, { console, withLake }: CliContext): void {
  log
    .command('producer')
    .description('say where a producer’s name stands: its last number, and where that is')
    .argument('<db.table>')
    .argument('<name>')
    .option('--json', 'one line of JSON')
    .action(async (name: string, producer: string, { json }: { readonly json?: boolean }, command: Command) => {
      const { producerStanding, standingJson, standingLines } = await import('../service/producer-standing.ts');
      const { openLakeTable } = await import('../service/tables.ts');
      await withLake(command, { access: 'read' }, async parts => {
        const table = await openLakeTable(parts, name);
        const standing = await producerStanding(parts, table, producer, console.signal);
        if (json === true) await console.write(`${standingJson(standing, table.label)}\n`);
        else for (const line of standingLines(standing)) await console.write(line);
      });
    });
}

type RecordName = import('../service/locate-record.ts').RecordName;

function recordNameOf({ shard, position, producer, lane, number }: LocateOptions): RecordName | undefined {
  if (shard !== undefined && position !== undefined && /^\d{1,80}$/.test(position)) {
    return { kind: 'place', shardId: shard, position: BigInt(position) };
  }
  if (producer === undefined || lane === undefined || number === undefined) return undefined;
  return { kind: 'number', producerId: producer, lane, number };
}
