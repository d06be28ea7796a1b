/** `tidelake golden …`: proves reading and writing on a folder of tables that Paimon wrote. */
import type { Command } from 'commander';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { GoldenVerdict } from '../service/golden-verdict.ts';

export type GoldenCommandContext = {
  readonly clock: Clock;
  readonly random: Random;
  /** Prints a line. */
  readonly print: (line: string) => void;
  /** Makes the program end with status 1. */
  readonly fail: () => void;
};

export function registerGoldenCommands(program: Command, context: GoldenCommandContext): void {
  const golden = program.command('golden').description('read or replay the tables of a golden root');
  golden
    .command('read')
    .description('read every state of the tables and compare it with what is expected')
    .argument('<root>', 'folder with warehouse/ and expected/')
    .option('--tables <names>', 'only these, separated by commas', names)
    .action(async (root: string, { tables }: { tables?: readonly string[] }) => {
      const { readGolden } = await import('../service/golden-read.ts');
      await report(readGolden({ root, tables }, context), context);
    });
  golden
    .command('replay')
    .description('write the tables anew from ops/ into another warehouse')
    .argument('<root>', 'folder with warehouse/ and ops/')
    .requiredOption('--out <folder>', 'the warehouse to write')
    .option('--tables <names>', 'only these, separated by commas', names)
    .action(async (root: string, { out, tables }: { out: string; tables?: readonly string[] }) => {
      const { replayGolden } = await import('../service/golden-replay.ts');
      await report(replayGolden({ root, out, tables }, context), context);
    });
}

async function report(verdicts: AsyncIterable<GoldenVerdict>, context: GoldenCommandContext): Promise<void> {
  const { printSummary, printVerdict, summarizeGolden } = await import('../service/golden-verdict.ts');
  const all: GoldenVerdict[] = [];
  for await (const verdict of verdicts) {
    all.push(verdict);
    const line = printVerdict(verdict);
    if (line !== undefined) context.print(line);
  }
  const summary = summarizeGolden(all);
  context.print(printSummary(summary));
  if (summary.failed > 0) context.fail();
}

function names(text: string): readonly string[] {
  return text.split(',').filter(name => name !== '');
}
