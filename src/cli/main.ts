#!/usr/bin/env node
/**
 * The command line. It reads arguments, calls one function of the service for each command, and prints. stdout holds data
 * only; everything for people is on stderr, failures as one line `error LAKE_CODE: message`.
 *
 * Exit status: 0 done, 1 failed, 2 wrong usage, 130 stopped by a signal before it was done.
 */
import { Command, CommanderError } from 'commander';
import { systemClock } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import { CliConsole } from './console.ts';
import { registerCreateCommand } from './create-command.ts';
import { registerDescribeCommands } from './describe-commands.ts';
import { addGlobalOptions, type CliContext, credentialPlaces, withLake } from './global-options.ts';
import { registerGoldenCommands } from './golden-commands.ts';
import { registerLogCommands } from './log-commands.ts';
import { registerReadCommands } from './read-commands.ts';
import { registerSqlCommand } from './sql-command.ts';
import { registerWorkCommands } from './work-commands.ts';
import { registerWriteCommand } from './write-command.ts';

const version = '0.1.0';

function buildProgram(context: CliContext): Command {
  const { console } = context;
  const program = new Command('tidelake')
    .description('tables that are a stream and a table at once, in a folder or on object storage')
    .version(version)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      outputError: (text, write) => {
        const words = text.includes(credentialPlaces) ? credentialPlaces : text.replace(/^error:\s*/, '').trim();
        write(`error LAKE_USAGE: ${words}\n`);
      },
    })
    .exitOverride();
  addGlobalOptions(program);
  registerCreateCommand(program, context);
  registerWriteCommand(program, context);
  registerReadCommands(program, context);
  registerWorkCommands(program, context);
  registerSqlCommand(program, context);
  registerDescribeCommands(program, context);
  registerLogCommands(program, context);
  registerGoldenCommands(program, {
    clock: systemClock,
    random: systemRandom,
    print: line => process.stdout.write(`${line}\n`),
    fail: () => console.fail(),
  });
  return program;
}

/** Help and version end a program in commander's way; everything else it ends is wrong usage. */
async function run(console: CliConsole): Promise<number> {
  try {
    await buildProgram({ console, withLake }).parseAsync();
    return console.statusOf(undefined);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return console.statusOf(error);
  }
}

const status = await run(new CliConsole());
process.exitCode = status;
// What a library left open must not keep the process; output that is still on its way must not be cut off.
process.stdout.write('', () => process.stderr.write('', () => process.exit(status)));
