#!/usr/bin/env node
/**
 * The command line. It reads arguments, calls one function of the service for each command, and prints. stdout holds data
 * only; everything for people is on stderr, failures as one line `error LAKE_CODE: message`.
 *
 * Exit status: 0 done, 1 failed, 2 wrong usage, 130 stopped by a signal before it was done.
 */
import { CliConsole } from './console.ts';
import { withLake } from './global-options.ts';
import { buildProgram, runProgram } from './program.ts';

async function run(console: CliConsole): Promise<number> {
  try {
    const program = buildProgram({ console, withLake });
    const isDone = await runProgram(program, process.argv.slice(2), text => process.stderr.write(text));
    return isDone ? console.statusOf(undefined) : 2;
  } catch (error) {
    return console.statusOf(error);
  }
}

const status = await run(new CliConsole());
process.exitCode = status;
// What a library left open must not keep the process; output that is still on its way must not be cut off.
process.stdout.write('', () => process.stderr.write('', () => process.exit(status)));
