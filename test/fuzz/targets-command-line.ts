/** The arguments of the command line, through its own parser; no command is run. */
import type { Command } from 'commander';
import { invalid } from '../../src/base/errors.ts';
import type { Random } from '../../src/base/random.ts';
import type { CliContext } from '../../src/cli/global-options.ts';
import { buildProgram, runProgram } from '../../src/cli/program.ts';
import { texts } from './corpus.ts';
import { below, type Mutator, pick } from './mutate-bytes.ts';
import { mutateText } from './mutate-text.ts';
import { holds, type Target } from './target.ts';

/** Between arguments, which cannot have one in them. */
const between = '\0';
const secret = 'CANARY7f3a';
const secretOptions = ['--access-key', '--secret-key', '--session-token'];

const lines: readonly (readonly string[])[] = [
  ['create', 'd.t', '--ddl', 'CREATE TABLE t (a INT)', '--warehouse', 'w'],
  ['create', 'd.t', '--schema', 'file.json'],
  ['write', 'd.t', '--in', '-', '--via-log', '--log', 'memory:x'],
  ['scan', 'd.t', '--where', 'a > 1', '--columns', 'a,b', '--snapshot', '3', '--union', '--count'],
  ['scan', 'd.t', '--tag=x', '--branch', 'b', '--timestamp', '2024-01-01', '--region', 'eu-west-1'],
  ['lookup', 'd.t', '--key', '{"a":1}', '--endpoint', 'http://127.0.0.1:1'],
  ['changes', 'd.t', '--from', '1', '--to', '9', '--kinesis-endpoint', 'http://127.0.0.1:1'],
  ['compact', 'd.t', '--full'],
  ['ingest', '--once'],
  ['dev'],
  ['sql', 'SELECT 1; SELECT 2', '--json'],
  ['snapshots', 'd.t', '--json'],
  ['files', 'd.t'],
  ['schema', 'd.t'],
  ['options', 'd.t'],
  ['log', 'tail', 'd.t', '--earliest', '-f'],
  ['golden', 'read', 'root', '--tables', 'a,b'],
  ['golden', 'replay', 'root', '--out', 'o'],
  ['--help'],
  ['help', 'scan'],
  ['--version'],
  ['scan', 'd.t', '--secret-key', secret],
  [`--session-token=${secret}`, 'scan', 'd.t'],
];

const odd = [
  '',
  '-',
  '--',
  '---',
  '-f',
  '--no-union',
  '--json=',
  '--snapshot=-1',
  '9'.repeat(400),
  '__proto__',
  'é\u{1f600}',
  '\ud800',
  '-\n',
  "'",
];
const vocabulary = [
  ...new Set([...lines.flat(), ...odd, ...secretOptions, ...secretOptions.map(name => `${name}=${secret}`)]),
];

/** Arguments come, go, change places and change; sometimes a secret is among them. */
const mutateArguments: Mutator = (input, random, other) => {
  const args = argumentsOf(input);
  for (let changes = 1 + below(random, 4); changes > 0; changes -= 1) changeOne(args, random, other);
  return Buffer.from(args.map(arg => arg.replaceAll(between, '')).join(between));
};

function changeOne(args: string[], random: Random, other: Uint8Array): void {
  const at = below(random, args.length + 1);
  switch (below(random, 6)) {
    case 0:
      args.splice(at, 1);
      return;
    case 1:
      args.splice(at, 0, pick(random, vocabulary));
      return;
    case 2:
      args.splice(at, 0, pick(random, secretOptions), secret);
      return;
    case 3:
      args.splice(at, 0, ...args.splice(below(random, args.length + 1), 1 + below(random, 3)));
      return;
    case 4:
      args.splice(at, 0, ...argumentsOf(other));
      return;
    default:
      args.splice(at, 1, Buffer.from(mutateText(Buffer.from(args[at] ?? ''), random, other)).toString());
  }
}

function argumentsOf(input: Uint8Array): string[] {
  return Buffer.from(input).toString().split(between);
}

type Parsed = { readonly command: string; readonly options: Readonly<Record<string, unknown>> };

/** What a program would run, without running it; and all that it prints. */
async function parse(args: readonly string[]): Promise<{ readonly parsed: Parsed[]; readonly printed: string }> {
  let printed = '';
  const parsed: Parsed[] = [];
  const unused = (): never => {
    throw new Error('a command was run');
  };
  const context: CliContext = { console: Object.create(null, { signal: { get: unused } }), withLake: unused };
  const program = buildProgram(context);
  const quiet = (command: Command): void => {
    const write = (text: string): void => void (printed += text);
    command.configureOutput({ writeOut: write, writeErr: write });
    if (command.commands.length === 0) {
      command.action(() => void parsed.push({ command: command.name(), options: command.optsWithGlobals() }));
    }
    for (const inner of command.commands) quiet(inner);
  };
  quiet(program);
  const isUsage = await runProgram(program, args, text => void (printed += text));
  checkPrinted(args, printed);
  if (!isUsage) {
    holds(/(?:^|\n)error LAKE_USAGE: .+\n$/.test(printed), `wrong usage printed as ${JSON.stringify(printed)}`);
    throw invalid('LAKE_USAGE', 'wrong usage');
  }
  return { parsed, printed };
}

function checkPrinted(args: readonly string[], printed: string): void {
  const isGiven = args.some(arg => secretOptions.some(name => arg === name || arg.startsWith(`${name}=`)));
  holds(!isGiven || !printed.includes(secret), `a credential is printed: ${printed.slice(0, 200)}`);
}

export const commandLineTargets: readonly Target[] = [
  {
    name: 'command-line',
    decoders: [],
    corpus: () => texts(...lines.map(line => line.join(between))),
    mutate: mutateArguments,
    decode: async input => {
      const args = argumentsOf(input);
      const { parsed, printed } = await parse(args);
      checkPrinted(args, printed);
      holds(parsed.length <= 1, 'two commands of one line');
      holds(parsed.length === 1 || printed !== '', 'nothing to run, and nothing said');
      for (const { options } of parsed) {
        for (const name of ['snapshot', 'from', 'to']) {
          const value = options[name];
          holds(value === undefined || Number.isSafeInteger(value), `--${name} is ${String(value)}`);
        }
        for (const name of ['accessKey', 'secretKey', 'sessionToken']) holds(!(name in options), `--${name} was taken`);
      }
    },
  },
];
