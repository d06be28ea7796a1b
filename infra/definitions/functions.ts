/** The six functions: what each gets, and what calls it. Everything that is deployed, and the local cloud, is made from this. */

export type StreamSource = {
  readonly kind: 'stream';
  readonly stream: 'LogStream' | 'CommitStream';
  /** When it is there at all, and the policy that AWS Lambda must find then. */
  readonly onlyIf?: { readonly condition: string; readonly policy: string };
  readonly batchRecordsMax: number;
  readonly batchWindowSeconds: number;
  /** -1: without end. */
  readonly retriesMax: number;
  /** -1: any age. */
  readonly recordAgeSecondsMax: number;
  /** Whether a batch that is given up leaves a note in the queue of failed events. */
  readonly noteOnFailure: boolean;
};

export type EventSource =
  | StreamSource
  /** A new object in the warehouse. */
  | { readonly kind: 'object-created'; readonly id: string; readonly keyPattern: string }
  | { readonly kind: 'schedule'; readonly id: string; readonly rate: string };

export type FunctionName = 'ingest' | 'commit' | 'compact' | 'maintain' | 'query' | 'catalog';

export type FunctionDefinition = {
  readonly name: FunctionName;
  readonly description: string;
  readonly memoryMb: number;
  readonly timeoutSeconds: number;
  readonly sources: readonly EventSource[];
  /** For functions that are called without waiting: how often and how long a failed call is tried again. */
  readonly asynchronous?: { readonly retriesMax: number; readonly eventAgeSecondsMax: number };
  /** Answers HTTPS requests that are signed, as a stream. */
  readonly hasUrl: boolean;
};

/**
 * How long rows gather for a commit: the trade between fresh tables and requests (docs/COST.md). Union reads and subscriptions
 * see rows at once all the same. A batch of 6 MB does not wait.
 */
const ingestWindowSeconds = 12;
const memoryMbDefault = 512;
/** The longest that AWS Lambda lets a function run. */
const timeoutSecondsMax = 900;

export const functionDefinitions: readonly FunctionDefinition[] = [
  {
    name: 'ingest',
    description: 'Takes records of the log into their tables, exactly once',
    memoryMb: memoryMbDefault,
    timeoutSeconds: 120,
    // Nothing may be passed over: one batch of a shard at a time, from the oldest record on, tried again without end. What bad
    // data does is the function's business. Only what the log's retention has taken away is given up, and leaves a note.
    sources: [
      {
        kind: 'stream',
        stream: 'LogStream',
        batchRecordsMax: 10_000,
        batchWindowSeconds: ingestWindowSeconds,
        retriesMax: -1,
        recordAgeSecondsMax: -1,
        noteOnFailure: true,
      },
    ],
    hasUrl: false,
  },
  {
    name: 'commit',
    description: 'Commits what several ingests have written together',
    memoryMb: memoryMbDefault,
    timeoutSeconds: 120,
    // A message that is late, doubled or lost does no harm: its sender looks at the table and sends again.
    sources: [
      {
        kind: 'stream',
        stream: 'CommitStream',
        onlyIf: { condition: 'CommitsAreGrouped', policy: 'PollCommits' },
        batchRecordsMax: 100,
        batchWindowSeconds: 0,
        retriesMax: 2,
        recordAgeSecondsMax: 900,
        noteOnFailure: false,
      },
    ],
    hasUrl: false,
  },
  {
    name: 'compact',
    description: 'Merges sorted runs of tables that have a new snapshot',
    memoryMb: memoryMbDefault,
    timeoutSeconds: timeoutSecondsMax,
    sources: [
      { kind: 'object-created', id: 'CompactOnSnapshot', keyPattern: '*/snapshot/snapshot-*' },
      // For events that did not come, and for what a table still had to do when time was over.
      { kind: 'schedule', id: 'CompactSafetyNet', rate: 'rate(1 hour)' },
    ],
    asynchronous: { retriesMax: 2, eventAgeSecondsMax: 3600 },
    hasUrl: false,
  },
  {
    name: 'maintain',
    description: 'Expires snapshots, removes orphan files and aged claims, mends hints',
    memoryMb: memoryMbDefault,
    timeoutSeconds: timeoutSecondsMax,
    sources: [{ kind: 'schedule', id: 'MaintainSchedule', rate: 'rate(10 minutes)' }],
    asynchronous: { retriesMax: 2, eventAgeSecondsMax: 3600 },
    hasUrl: false,
  },
  {
    name: 'query',
    description: 'Answers SQL over HTTPS, for callers that sign their requests',
    memoryMb: 1024,
    timeoutSeconds: 120,
    sources: [],
    hasUrl: true,
  },
  {
    name: 'catalog',
    description: 'Tables, snapshots, writes and subscriptions over HTTPS, for callers that sign their requests',
    memoryMb: memoryMbDefault,
    timeoutSeconds: timeoutSecondsMax,
    sources: [],
    hasUrl: true,
  },
];

/** `ingest`: `Ingest`, the beginning of its logical ids. */
export function logicalName(functionName: string): string {
  return `${functionName.slice(0, 1).toUpperCase()}${functionName.slice(1)}`;
}

/** Where it begins in its package, which holds the folder of its bundle under the name that it has in the repository. */
export function functionHandler(functionName: string): string {
  return `dist/functions/${functionName}/index.handler`;
}

/** Logical ids are those that osls gives, so that a stack may change from one form to the other. */
export function functionId(functionName: string): string {
  return `${logicalName(functionName)}LambdaFunction`;
}

export function logGroupId(functionName: string): string {
  return `${logicalName(functionName)}LogGroup`;
}

export function roleId(functionName: string): string {
  return `${logicalName(functionName)}Role`;
}

export function urlId(functionName: string): string {
  return `${logicalName(functionName)}LambdaFunctionUrl`;
}

export function streamMappingId(functionName: string, { stream }: StreamSource): string {
  return `${logicalName(functionName)}EventSourceMappingKinesis${stream}`;
}
