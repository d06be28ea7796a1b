/** `tidelake write`. */
import type { Command } from 'commander';
import { collected, headerOf } from './arguments.ts';
import type { CliContext } from './global-options.ts';
import { inputPieces } from './input.ts';

type WriteOptions = {
  readonly in: string;
  readonly viaLog?: boolean;
  readonly header?: readonly (readonly [string, string])[];
  readonly receipts?: boolean;
};

export function registerWriteCommand(program: Command, { console, withLake }: CliContext): void {
  program
    .command('write')
    .description('write lines {"op":"+I|-U|+U|-D","row":{…}} and {"op":"commit"} into a table')
    .argument('<db.table>')
    .requiredOption('--in <file>', 'where the lines are; - is stdin')
    .option('--via-log', 'done when the log has the rows; otherwise, with a log, when they are in the table')
    .option('--header <name=value>', 'with a log: a header of its records; may be given again', collected(headerOf))
    .option('--receipts', 'with a log: print where it has each record, as lines of JSON')
    .action(async (name: string, options: WriteOptions, command: Command) => {
      const { in: path, viaLog = false, header, receipts = false } = options;
      const { writeLines } = await import('../service/write-lines.ts');
      await withLake(command, { access: 'read-write' }, async parts => {
        const input = inputPieces(path);
        const told: string[] = [];
        const receipt = await writeLines(parts, name, {
          input,
          viaLog,
          headers: header === undefined ? undefined : Object.fromEntries(header),
          signal: console.signal,
          onAcknowledged: receipts ? record => void told.push(receiptLine(record)) : undefined,
        });
        await console.write(told.join(''));
        const { rowCount, commitCount, snapshotId } = receipt;
        const where = snapshotId === undefined ? '' : `, newest snapshot ${snapshotId}`;
        console.say(`wrote ${rowCount} rows in ${commitCount} commits${where}`);
      });
    });
}

type Acknowledged = Parameters<NonNullable<import('../service/row-sinks.ts').WriteListener['onAcknowledged']>>[0];

function receiptLine({ position, ...record }: Acknowledged): string {
  return `${JSON.stringify({ ...record, position: position.toString() })}\n`;
}
