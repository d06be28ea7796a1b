/** The options that every command takes, before or after its name, and the lake they lead to. */
import type { Command } from 'commander';
import { markHeapLate } from '../base/heap-marking.ts';
import { wholeNumber } from './arguments.ts';
import type { CliConsole } from './console.ts';

type GlobalOptions = {
  readonly warehouse?: string;
  readonly log?: string;
  readonly endpoint?: string;
  readonly kinesisEndpoint?: string;
  readonly region?: string;
  readonly kafkaPartitions?: number;
};

/** What commands are given. */
export type CliContext = {
  readonly console: CliConsole;
  /** Opens the lake of the command line, runs the action, and closes the lake. */
  readonly withLake: WithLake;
};

/** @param options.access `read` for commands that change nothing · @param options.log used when none was given */
export type WithLake = (
  command: Command,
  options: {
    readonly access: 'read' | 'read-write';
    readonly log?: ((warehouse: string) => string | undefined) | undefined;
  },
  action: (parts: LakeParts) => Promise<void>,
) => Promise<void>;

type LakeParts = Awaited<ReturnType<typeof import('../service/lake-parts.ts').openLakeParts>>;

const emulatedShardCount = 4;

export function addGlobalOptions(program: Command): void {
  program
    .option('--warehouse <place>', 'a folder, file:PATH or s3://bucket/prefix (or TIDELAKE_WAREHOUSE)')
    .option(
      '--log <place>',
      'file:PATH, s3://BUCKET/PREFIX, kinesis://STREAM, kafka://HOST:PORT/TOPIC or memory:NAME (or TIDELAKE_LOG)',
    )
    .option('--endpoint <url>', 'an S3 other than AWS’s')
    .option('--kinesis-endpoint <url>', 'a Kinesis other than AWS’s')
    .option('--kafka-partitions <n>', 'makes the topic with so many when it is not there', wholeNumber)
    .option('--region <name>', 'of S3 and Kinesis');
}

/** Options that other programs take credentials by. */
const credentialOption = /^--(?:access-key|secret-key|session-token)(?:=|$)/;

/**
 * Whether somebody means to give a credential, wherever among the arguments. Such are refused before anything looks at them,
 * and without being shown: every user of the machine sees the arguments of a process, and shells keep them.
 */
export function holdsCredential(args: readonly string[]): boolean {
  return args.some(arg => credentialOption.test(arg));
}

/** What a refusal says. */
export const credentialPlaces =
  'credentials are not taken from the command line; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE';

export const withLake: WithLake = async (command, options, action) => {
  const { openLakeParts } = await import('../service/lake-parts.ts');
  const { settingsWithEnvironment } = await import('../service/settings.ts');
  const given = command.optsWithGlobals<GlobalOptions>();
  const settings = settingsWithEnvironment({
    warehouse: given.warehouse,
    log: given.log,
    access: options.access,
    s3: { region: given.region, endpoint: given.endpoint },
    kinesis: { region: given.region, endpoint: given.kinesisEndpoint },
    kafka: { createWithPartitions: given.kafkaPartitions },
  });
  const log = settings.log ?? options.log?.(settings.warehouse);
  // A Kinesis other than AWS's is an emulator, where streams come and go: a missing one is made.
  const createWithShards = settings.kinesis?.endpoint === undefined ? undefined : emulatedShardCount;
  const kinesis = { ...settings.kinesis, createWithShards };
  await using parts = await openLakeParts({ ...settings, log, kinesis });
  markHeapLate({ memoryBytes: settings.memoryBytes });
  await action(parts);
};
