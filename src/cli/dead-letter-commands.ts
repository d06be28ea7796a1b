/** `tidelake dead-letters list` and `replay`. */
import { type Command, Option } from 'commander';
import type { DeadLetter, DeadLetterReason, ReplayReceipt } from '../service/dead-letters.ts';
import { durationOf } from './arguments.ts';
import type { CliContext } from './global-options.ts';
import { textTable } from './text-table.ts';

const reasons: readonly DeadLetterReason[] = [
  'unreadable',
  'unknown-schema',
  'schema-change',
  'bucket-count',
  'null-value',
  'not-appendable',
  'row-kind',
  'delete-not-merged',
];

type ReplayFlags = { readonly reason?: DeadLetterReason; readonly dryRun?: boolean; readonly wait?: number };

export function registerDeadLetterCommands(program: Command, context: CliContext): void {
  const letters = program.command('dead-letters').description('rows of the log that a table could not take');
  registerList(letters, context);
  registerReplay(letters, context);
}

function registerList(letters: Command, { console, withLake }: CliContext): void {
  letters
    .command('list')
    .description('print them, and why each is one')
    .argument('<db.table>')
    .option('--json', 'lines of JSON instead of a table')
    .action(async (name: string, { json = false }: { readonly json?: boolean }, command: Command) => {
      const { deadLetterLines, listDeadLetters } = await import('../service/dead-letters.ts');
      const { openLakeTable } = await import('../service/tables.ts');
      await withLake(command, { access: 'read' }, async parts => {
        const table = await openLakeTable(parts, name);
        if (json) await console.writeAll(deadLetterLines(table));
        else await console.writeAll(textTable(cellsOf(listDeadLetters(table))));
      });
    });
}

function registerReplay(letters: Command, { console, withLake }: CliContext): void {
  letters
    .command('replay')
    .description('bring those that fit by now again, through the log; each row comes in once')
    .argument('<db.table>')
    .addOption(new Option('--reason <word>', 'only those of this reason').choices(reasons))
    .option('--dry-run', 'only say what would be done')
    .option('--wait <duration>', 'how long to wait for ingest to take them in; 60s unless given', durationOf)
    .action(async (name: string, { reason, dryRun = false, wait: waitMs }: ReplayFlags, command: Command) => {
      const { forecastReplay, replayLakeDeadLetters } = await import('../service/dead-letters.ts');
      const { openLakeTable } = await import('../service/tables.ts');
      await withLake(command, { access: dryRun ? 'read' : 'read-write' }, async parts => {
        const table = await openLakeTable(parts, name);
        if (dryRun) {
          const { fittingRows, pendingRows, kept } = await forecastReplay(table, { reason });
          console.say(`would replay ${fittingRows} rows of ${name}${restOf({ pendingRows, kept })}`);
          return;
        }
        const { replayedRows, ...rest } = await replayLakeDeadLetters(parts, table, {
          reason,
          waitMs,
          signal: console.signal,
        });
        console.say(`replayed ${replayedRows} rows of ${name}${restOf(rest)}`);
      });
    });
}

/** Faults named in a line; the list has them all. */
const faultsShownMax = 3;

function restOf({ pendingRows, kept }: Pick<ReplayReceipt, 'pendingRows' | 'kept'>): string {
  const pending =
    pendingRows === 0 ? '' : `; ${pendingRows} are in the log and wait for ingest: replay again to see them in`;
  const keptRows = kept.reduce((sum, { rowCount }) => sum + rowCount, 0);
  if (keptRows === 0) return pending;
  const faults = [...new Set(kept.map(({ reason, detail }) => `${reason}: ${detail}`))];
  const more = faults.length > faultsShownMax ? ', …' : '';
  return `${pending}; ${keptRows} do not fit (${faults.slice(0, faultsShownMax).join(', ')}${more})`;
}

function cellsOf(letters: AsyncIterable<DeadLetter>): Parameters<typeof textTable>[0] {
  return {
    columns: ['reason', 'rows', 'shard', 'position', 'arrived', 'producer', 'number', 'detail'],
    isNumber: [false, true, false, true, false, false, true, false],
    rows: pieces(letters),
  };
}

/** Lines whose widths are told by the first of them. */
const pieceLinesMax = 1_000;

async function* pieces(letters: AsyncIterable<DeadLetter>): AsyncGenerator<readonly (readonly string[])[]> {
  let lines: (readonly string[])[] = [];
  for await (const letter of letters) {
    const { reason, rowCount, shard, position, arrivalMs, producerId, producerNumber, detail } = letter;
    const arrived = new Date(arrivalMs).toISOString();
    const number = producerNumber === undefined ? '' : String(producerNumber);
    lines.push([reason, String(rowCount), shard, String(position), arrived, producerId ?? '', number, oneLine(detail)]);
    if (lines.length < pieceLinesMax) continue;
    yield lines;
    lines = [];
  }
  if (lines.length > 0) yield lines;
}

/** What is in a row may be in a detail: nothing of it reaches the terminal but letters. */
function oneLine(text: string): string {
  return JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll('\\\\', '\\');
}
