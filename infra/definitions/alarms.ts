/**
 * What somebody should hear of. Each alarm says in a sentence what has happened and where it stands what to do: the section of
 * docs/operations.md that has its name.
 */
import {
  type CloudProperties,
  type CloudResource,
  type CloudResources,
  type CloudValue,
  either,
  getAtt,
  noValue,
  ref,
  stackTags,
  sub,
} from './cloudformation.ts';
import { type FunctionName, functionDefinitions } from './functions.ts';

/** Where the functions' own figures are. */
export const metricsNamespace = 'Tidelake';

const guide = 'docs/operations.md';

type Watch = {
  readonly says: string;
  readonly metric: CloudProperties;
  readonly statistic: 'Sum' | 'Maximum';
  readonly periodSeconds: number;
  /** So many periods one after the other. */
  readonly periods: number;
  /** The alarm is above it. */
  readonly threshold: CloudValue;
};

export function ownMetric(functionName: FunctionName, metricName: string): CloudProperties {
  return {
    Namespace: metricsNamespace,
    MetricName: metricName,
    Dimensions: [
      { Name: 'function', Value: functionName },
      { Name: 'service', Value: ref('AWS::StackName') },
    ],
  };
}

export function lambdaMetric(functionName: FunctionName, metricName: string): CloudProperties {
  return {
    Namespace: 'AWS/Lambda',
    MetricName: metricName,
    Dimensions: [{ Name: 'FunctionName', Value: sub(`\${AWS::StackName}-${functionName}`) }],
  };
}

const watches: Readonly<Record<string, Watch>> = {
  IngestLagAlarm: {
    says: 'Ingest is behind the log: a table that cannot commit blocks its shard until it can.',
    metric: lambdaMetric('ingest', 'IteratorAge'),
    statistic: 'Maximum',
    periodSeconds: 60,
    periods: 3,
    threshold: ref('IngestLagAlarmMs'),
  },
  FreshnessAlarm: {
    says: 'Rows become visible later than they should.',
    metric: ownMetric('ingest', 'FreshnessMs'),
    statistic: 'Maximum',
    periodSeconds: 60,
    periods: 5,
    threshold: ref('FreshnessAlarmMs'),
  },
  DeadLettersAlarm: {
    says: 'Rows did not fit their table and were put aside.',
    metric: ownMetric('ingest', 'DeadLetters'),
    statistic: 'Sum',
    periodSeconds: 300,
    periods: 1,
    threshold: 0,
  },
  LostShardsAlarm: {
    says: 'The retention of the log has taken records away before ingest had them: rows are lost.',
    metric: ownMetric('ingest', 'LostShards'),
    statistic: 'Sum',
    periodSeconds: 300,
    periods: 1,
    threshold: 0,
  },
  FailedEventsAlarm: {
    says: 'An event of compaction or maintenance failed for good, or the log lost records.',
    metric: {
      Namespace: 'AWS/SQS',
      MetricName: 'ApproximateNumberOfMessagesVisible',
      Dimensions: [{ Name: 'QueueName', Value: getAtt('FailedEvents', 'QueueName') }],
    },
    statistic: 'Maximum',
    periodSeconds: 300,
    periods: 1,
    threshold: 0,
  },
  LogThrottledAlarm: {
    says: 'The log refuses records because its shards are full: producers wait.',
    metric: {
      Namespace: 'AWS/Kinesis',
      MetricName: 'WriteProvisionedThroughputExceeded',
      Dimensions: [{ Name: 'StreamName', Value: ref('LogStream') }],
    },
    statistic: 'Sum',
    periodSeconds: 300,
    periods: 3,
    threshold: 0,
  },
};

/** Sums over functions, each a single alarm. */
const sums: Readonly<
  Record<
    string,
    {
      readonly says: string;
      readonly metrics: readonly CloudProperties[];
      readonly periods: number;
      readonly threshold: CloudValue;
    }
  >
> = {
  UnreadableRecordsAlarm: {
    says: 'The log or the commit log has records that are none of Tidelake.',
    metrics: (['ingest', 'commit'] as const).map(name => ownMetric(name, 'UnreadableRecords')),
    periods: 1,
    threshold: 0,
  },
  FailedTablesAlarm: {
    says: 'Something cannot be done for a table; where it is ingest, its shard waits.',
    metrics: (['ingest', 'commit', 'compact', 'maintain'] as const).map(name => ownMetric(name, 'FailedTables')),
    periods: 3,
    threshold: 0,
  },
  CommitConflictsAlarm: {
    says: 'Commits lose against each other too often; each loss is work done twice.',
    metrics: (['ingest', 'commit', 'compact'] as const).map(name => ownMetric(name, 'CommitConflicts')),
    periods: 3,
    threshold: ref('CommitConflictsAlarmCount'),
  },
  FunctionErrorsAlarm: {
    says: 'Functions keep failing.',
    metrics: functionDefinitions.map(({ name }) => lambdaMetric(name, 'Errors')),
    periods: 3,
    threshold: 0,
  },
  ThrottlesAlarm: {
    says: 'Functions are kept from running by the concurrency that is left or reserved.',
    metrics: functionDefinitions.map(({ name }) => lambdaMetric(name, 'Throttles')),
    periods: 3,
    threshold: 0,
  },
};

const sumPeriodSeconds = 300;

export const alarmResources: CloudResources = {
  ...Object.fromEntries(Object.entries(watches).map(([id, watch]) => [id, simpleAlarm(id, watch)])),
  ...Object.fromEntries(
    Object.entries(sums).map(([id, { says, metrics, periods, threshold }]): [string, CloudResource] => [
      id,
      alarm(id, says, {
        Metrics: [
          ...metrics.map((metric, at) => summand(metric, at)),
          { Id: 'all', Label: id, Expression: metrics.map((_, at) => `FILL(m${at}, 0)`).join(' + ') },
        ],
        EvaluationPeriods: periods,
        Threshold: threshold,
      }),
    ]),
  ),
};

function summand(metric: CloudProperties, at: number): CloudProperties {
  return {
    Id: `m${at}`,
    ReturnData: false,
    MetricStat: { Metric: metric, Period: sumPeriodSeconds, Stat: 'Sum' },
  };
}

function simpleAlarm(id: string, watch: Watch): CloudResource {
  return alarm(id, watch.says, {
    ...watch.metric,
    Statistic: watch.statistic,
    Period: watch.periodSeconds,
    EvaluationPeriods: watch.periods,
    Threshold: watch.threshold,
  });
}

function alarm(id: string, says: string, properties: CloudProperties): CloudResource {
  const told = either('AlarmsAreTold', [ref('AlarmTopicArn')], noValue);
  return {
    Type: 'AWS::CloudWatch::Alarm',
    Properties: {
      AlarmDescription: `${says} What to do: ${guide}#${id.toLowerCase()}`,
      ...properties,
      ComparisonOperator: 'GreaterThanThreshold',
      TreatMissingData: 'notBreaching',
      AlarmActions: told,
      OKActions: told,
      Tags: stackTags,
    },
  };
}
