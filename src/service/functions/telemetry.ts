/**
 * What a function tells of its invocations: a line of its log with the figures, metrics in CloudWatch's embedded format
 * (lines of the log, too: no call, no rights), and, where AWS traces the invocation, a segment for each phase.
 *
 * Whatever becomes of the telling, the work goes on. The tracer is loaded when an invocation is traced: it takes longer to
 * load than all else of a small function.
 */
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { type Clock, systemClock } from '../../base/clock.ts';
import { noSpans, type Spans } from '../../base/spans.ts';
import { isTraceSampled, type TelemetrySettings, telemetrySettings } from '../settings.ts';
import type { InvocationContext } from './time-limit.ts';

export type FunctionName = 'ingest' | 'commit' | 'compact' | 'maintain' | 'query' | 'catalog';

/** Few: each costs by the month, for every function that has it. Dimensions are `service` and `function`. */
export type MetricName =
  /** From the arrival of the oldest record of an invocation until it was in its table, ms. */
  | 'FreshnessMs'
  /** Swaps that another's won. */
  | 'CommitConflicts'
  | 'RowsIn'
  /** Rows. */
  | 'DeadLetters'
  /** Shards of which the log no longer keeps what a table was owed: rows are lost. */
  | 'LostShards'
  /** Tables that something could not be done for. */
  | 'FailedTables'
  /** Records of the log that are none of ours. */
  | 'UnreadableRecords'
  | 'CompactionsGivenUp'
  | 'ColdStart';

export type Report = {
  /** Of the invocation's line, as JSON. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** What is 0 or undefined is not told. */
  readonly metrics: Readonly<Partial<Record<MetricName, number | undefined>>>;
  /** Somebody should look: the line is a warning. */
  readonly hasTrouble: boolean;
};

/** An invocation as use cases see it. */
export type Invocation = InvocationContext & {
  readonly spans: Spans;
  /** Says what came of it; at most once. */
  readonly report: (report: Report) => void;
};

const units: Readonly<Record<MetricName, (typeof MetricUnit)[keyof typeof MetricUnit]>> = {
  FreshnessMs: MetricUnit.Milliseconds,
  CommitConflicts: MetricUnit.Count,
  RowsIn: MetricUnit.Count,
  DeadLetters: MetricUnit.Count,
  LostShards: MetricUnit.Count,
  FailedTables: MetricUnit.Count,
  UnreadableRecords: MetricUnit.Count,
  CompactionsGivenUp: MetricUnit.Count,
  ColdStart: MetricUnit.Count,
};

/** One for a container. @param settings of the environment */
export function openTelemetry(
  name: FunctionName,
  settings: TelemetrySettings = telemetrySettings(),
  clock: Clock = systemClock,
): Telemetry {
  return new Telemetry(name, settings, clock);
}

export class Telemetry {
  readonly #name: FunctionName;
  readonly #settings: TelemetrySettings;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  #tracing: Spans | undefined;
  #isCold = true;

  constructor(name: FunctionName, settings: TelemetrySettings, clock: Clock) {
    const { serviceName, namespace } = settings;
    this.#name = name;
    this.#settings = settings;
    this.#clock = clock;
    this.#logger = new Logger({ serviceName, persistentKeys: { function: name } });
    this.#metrics = new Metrics({ serviceName, namespace, defaultDimensions: { function: name } });
  }

  /** Runs an invocation. @throws what the work throws, which is in the log then */
  async observe<T>(context: InvocationContext, work: (invocation: Invocation) => Promise<T>): Promise<T> {
    const began = this.#clock.monotonicMs();
    const phases = new Phases(this.#clock, await this.#tracingOf());
    let reported: Report | undefined;
    this.#logger.addContext(context);
    if (this.#isCold) this.#add('ColdStart', 1);
    this.#isCold = false;
    const timing = (): object => ({
      elapsedMs: rounded(this.#clock.monotonicMs() - began),
      phasesMs: phases.elapsedMs,
    });
    try {
      const answer = await phases.run(this.#name, {}, () =>
        work({
          getRemainingTimeInMillis: () => context.getRemainingTimeInMillis(),
          spans: phases,
          report: report => {
            reported = report;
          },
        }),
      );
      this.#tell(reported, timing());
      return answer;
    } catch (error) {
      this.#logger.error(`${this.#name} failed`, {
        ...timing(),
        error: error instanceof Error ? error : String(error),
      });
      throw error;
    } finally {
      if (this.#metrics.hasStoredMetrics()) this.#metrics.publishStoredMetrics();
    }
  }

  #tell(report: Report | undefined, timing: object): void {
    for (const name of metricNames) {
      const value = report?.metrics[name];
      if (value !== undefined && value !== 0) this.#add(name, value);
    }
    this.#logger[report?.hasTrouble === true ? 'warn' : 'info'](this.#name, { ...report?.fields, ...timing });
  }

  #add(name: MetricName, value: number): void {
    this.#metrics.addMetric(name, units[name], value);
  }

  async #tracingOf(): Promise<Spans> {
    if (!isTraceSampled()) return noSpans;
    if (this.#tracing === undefined) {
      const { openTracing } = await import('./tracing.ts');
      this.#tracing = openTracing(this.#settings.serviceName);
    }
    return this.#tracing;
  }
}

const metricNames: readonly MetricName[] = [
  'FreshnessMs',
  'CommitConflicts',
  'RowsIn',
  'DeadLetters',
  'LostShards',
  'FailedTables',
  'UnreadableRecords',
  'CompactionsGivenUp',
];

/** Sums up how long each phase took, and passes on. Phases that run side by side are each counted in full. */
class Phases implements Spans {
  readonly #clock: Clock;
  readonly #inner: Spans;
  readonly elapsedMs: Record<string, number> = {};

  constructor(clock: Clock, inner: Spans) {
    this.#clock = clock;
    this.#inner = inner;
  }

  readonly run: Spans['run'] = async (phase, notes, work) => {
    const began = this.#clock.monotonicMs();
    try {
      return await this.#inner.run(phase, notes, work);
    } finally {
      this.elapsedMs[phase] = rounded((this.elapsedMs[phase] ?? 0) + this.#clock.monotonicMs() - began);
    }
  };
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}
