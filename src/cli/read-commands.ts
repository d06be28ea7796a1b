/** `tidelake scan`, `lookup`, `changes` and `follow`. */
import { type Command, Option } from 'commander';
import type { SubscriptionEnd, SubscriptionStart, SubscriptionView } from '../service/subscribe-request.ts';
import { nameList, wholeNumber } from './arguments.ts';
import type { CliContext } from './global-options.ts';

type PointOptions = {
  readonly snapshot?: number;
  readonly tag?: string;
  readonly branch?: string;
  readonly timestamp?: string;
  readonly columns?: readonly string[];
  readonly union?: boolean;
};
type ScanOptions = PointOptions & { readonly where?: string; readonly count?: boolean };
type ChangesOptions = { readonly from: number; readonly to?: number; readonly columns?: readonly string[] };

export function registerReadCommands(program: Command, context: CliContext): void {
  registerScan(program, context);
  registerLookup(program, context);
  registerChanges(program, context);
  registerFollow(program, context);
}

function registerScan(program: Command, { console, withLake }: CliContext): void {
  pointOptions(program.command('scan').description('print the rows of a table as lines of JSON').argument('<db.table>'))
    .option('--where <expression>', 'a boolean expression of SQL over the columns')
    .option('--count', 'print only how many rows there are')
    .action(async (name: string, options: ScanOptions, command: Command) => {
      const { scanCount, scanLines } = await import('../service/read-lines.ts');
      const { branch, count = false, ...rest } = options;
      const request = { ...rest, signal: console.signal };
      await withLake(command, { access: 'read' }, async parts => {
        const target = ofBranch(name, branch);
        if (count) await console.write(`${await scanCount(parts, target, request)}\n`);
        else await console.writeAll(scanLines(parts, target, request));
      });
    });
}

function registerLookup(program: Command, { console, withLake }: CliContext): void {
  pointOptions(
    program.command('lookup').description('print the row with a primary key, if there is one').argument('<db.table>'),
  )
    .requiredOption('--key <json>', 'an object of the primary key’s columns')
    .action(async (name: string, options: PointOptions & { readonly key: string }, command: Command) => {
      const { lookupLine } = await import('../service/read-lines.ts');
      const { key, branch, ...rest } = options;
      await withLake(command, { access: 'read' }, async parts => {
        const request = { ...rest, signal: console.signal };
        await console.write((await lookupLine(parts, ofBranch(name, branch), key, request)) ?? '');
      });
    });
}

function registerChanges(program: Command, { console, withLake }: CliContext): void {
  program
    .command('changes')
    .description('print what snapshots changed, as lines such as +I {…}')
    .argument('<db.table>')
    .requiredOption('--from <id>', 'the first snapshot', wholeNumber)
    .option('--to <id>', 'the last snapshot, included; the newest unless given', wholeNumber)
    .option('--columns <names>', 'only these, with commas between them', nameList)
    .action(async (name: string, options: ChangesOptions, command: Command) => {
      const { changesLines } = await import('../service/read-lines.ts');
      await withLake(command, { access: 'read' }, async parts => {
        await console.writeAll(changesLines(parts, name, { ...options, signal: console.signal }));
      });
    });
}

type FollowOptions = Pick<SubscriptionView, 'columns' | 'where' | 'changelogMode' | 'consistency'> & {
  readonly from: string;
  readonly full?: boolean;
  readonly until?: string;
  readonly consumer?: string;
  readonly json?: boolean;
  readonly group?: string;
  readonly watermarks?: boolean;
};

function registerFollow(program: Command, { console, withLake }: CliContext): void {
  program
    .command('follow')
    .description('print rows and changes of a table as they happen, as lines such as +I {…}')
    .argument('<db.table>')
    .option('--from <place>', 'full, latest, earliest, a snapshot’s number, tag:NAME, or a time', 'latest')
    .option('--full', 'with a snapshot or a tag: its rows first')
    .option('--until <place>', 'now, a snapshot’s number, tag:NAME, or a time that has passed')
    .option('--consumer <name>', 'the table remembers what was printed, and the next under this name goes on there')
    .option('--json', 'lines of JSON, as `write` takes them, with the headers of records')
    .option('--group <name>', 'share the shards of the log with others that follow under this name')
    .option(
      '--watermarks',
      'with --json: lines of the table’s watermark where it moves, and which changes are behind it',
    )
    .option('--columns <names>', 'only these, with commas between them', nameList)
    .option(
      '--where <expression>',
      'comparisons of columns with constants, AND, OR, NOT; what no longer passes is a -D',
    )
    .addOption(
      new Option('--changelog-mode <mode>', 'updates with what rows were (all), or without').choices([
        'auto',
        'all',
        'upsert',
      ]),
    )
    .addOption(
      new Option('--consistency <word>', 'changes once committed, or at once').choices(['transactional', 'eventual']),
    )
    .action(async (name: string, options: FollowOptions, command: Command) => {
      const { followLines } = await import('../service/read-lines.ts');
      const { from, full, until, ...view } = options;
      const range = { from: startOf(from, full), until: until === undefined ? undefined : endOf(until) };
      // The place of a consumer or group is written beside the table.
      const access = view.consumer === undefined && view.group === undefined ? 'read' : 'read-write';
      await withLake(command, { access }, async parts => {
        await console.writeAll(followLines(parts, name, { ...range, ...view, signal: console.signal }));
      });
    });
}

function startOf(text: string, full: boolean | undefined): SubscriptionStart {
  if (text === 'full' || text === 'latest' || text === 'earliest') return text;
  const point = pointOf(text);
  return 'timestamp' in point ? point : { ...point, full };
}

function endOf(text: string): SubscriptionEnd {
  return text === 'now' ? 'now' : pointOf(text);
}

function pointOf(text: string): { snapshot: number } | { tag: string } | { timestamp: string } {
  if (text.startsWith('tag:')) return { tag: text.slice('tag:'.length) };
  return /^\d{1,15}$/.test(text) ? { snapshot: Number(text) } : { timestamp: text };
}

function pointOptions(command: Command): Command {
  return command
    .option('--snapshot <id>', 'as of this snapshot', wholeNumber)
    .option('--tag <name>', 'as of this tag')
    .option('--branch <name>', 'of this branch')
    .option('--timestamp <iso>', 'as of this time; UTC unless it says otherwise')
    .option('--columns <names>', 'only these, with commas between them', nameList)
    .option('--union', 'as of now: with what the log has beyond the newest snapshot');
}

function ofBranch(name: string, branch: string | undefined): string {
  return branch === undefined ? name : `${name}$branch_${branch}`;
}
