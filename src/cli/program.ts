/** The commands, their arguments and options, as one program of commander's. Nothing is read or run by making it. */
import { Command, CommanderError } from 'commander';
import { systemClock } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import { registerBranchCommands } from './branch-commands.ts';
import { registerCostCommands } from './cost-commands.ts';
import { registerCreateCommand } from './create-command.ts';
import { registerDeadLetterCommands } from './dead-letter-commands.ts';
import { registerDescribeCommands } from './describe-commands.ts';
import { addGlobalOptions, type CliContext, credentialPlaces, holdsCredential } from './global-options.ts';
import { registerGoldenCommands } from './golden-commands.ts';
import { registerLoadCommand } from './load-command.ts';
import { registerLogCommands } from './log-commands.ts';
import { registerOverwriteCommands } from './overwrite-commands.ts';
import { registerReadCommands } from './read-commands.ts';
import { registerSqlCommand } from './sql-command.ts';
import { registerTagCommands } from './tag-commands.ts';
import { registerWatchCommand } from './watch-command.ts';
import { registerWorkCommands } from './work-commands.ts';
import { registerWriteCommand } from './write-command.ts';

const version = '0.1.0';

/** Whatever ends it, also help, is thrown as a CommanderError, and wrong usage is one line on stderr. */
export function buildProgram(context: CliContext): Command {
  const { console } = context;
  const program = new Command('tidelake')
    .description('tables that are a stream and a table at once, in a folder or on object storage')
    .version(version)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      outputError: (text, write) => write(usageLine(text.replace(/^error:\s*/, '').trim())),
    })
    .exitOverride();
  addGlobalOptions(program);
  registerCreateCommand(program, context);
  registerWriteCommand(program, context);
  registerLoadCommand(program, context);
  registerOverwriteCommands(program, context);
  registerReadCommands(program, context);
  registerWorkCommands(program, context);
  registerTagCommands(program, context);
  registerBranchCommands(program, context);
  registerSqlCommand(program, context);
  registerWatchCommand(program, context);
  registerDescribeCommands(program, context);
  registerLogCommands(program, context);
  registerDeadLetterCommands(program, context);
  registerCostCommands(program, context);
  registerGoldenCommands(program, {
    clock: systemClock,
    random: systemRandom,
    print: line => process.stdout.write(`${line}\n`),
    fail: () => console.fail(),
  });
  return program;
}

/**
 * Runs the command that the arguments name.
 *
 * @param write where words for people go
 * @returns false after wrong usage, which has been told in one line then
 * @throws what the command throws
 */
export async function runProgram(
  program: Command,
  args: readonly string[],
  write: (text: string) => void,
): Promise<boolean> {
  if (holdsCredential(args)) {
    write(usageLine(credentialPlaces));
    return false;
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return true;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version end a program in the same way.
    if (error.exitCode === 0) return true;
    // Behind the help that commander shows for it.
    if (error.code === 'commander.help') write(usageLine('say which command'));
    return false;
  }
}

function usageLine(words: string): string {
  return `error LAKE_USAGE: ${words.replace(/\s*[\r\n]+\s*/g, ' ')}\n`;
}
