/** One page that shows how a lake is: freshness first, then what comes in, what is done with it, and what went wrong. */

import { metricsNamespace } from './alarms.ts';
import { type CloudResources, type CloudValue, sub } from './cloudformation.ts';
import { type FunctionName, functionDefinitions } from './functions.ts';

/** Put in by CloudFormation. */
const stackName = `\${AWS::StackName}`;
const region = `\${AWS::Region}`;

const columns = 2;
const widgetWidth = 12;
const widgetHeight = 6;
const periodSeconds = 60;

type Widget = {
  readonly title: string;
  readonly stat: 'Sum' | 'Maximum' | 'p90';
  readonly metrics: readonly (readonly CloudValue[])[];
};

function own(functionName: FunctionName, metricName: string): readonly CloudValue[] {
  return [
    metricsNamespace,
    metricName,
    'function',
    functionName,
    'service',
    stackName,
    { label: `${functionName}: ${metricName}` },
  ];
}

function ofFunctions(metricName: string): readonly (readonly CloudValue[])[] {
  return functionDefinitions.map(({ name }) => [
    'AWS/Lambda',
    metricName,
    'FunctionName',
    `${stackName}-${name}`,
    { label: name },
  ]);
}

const widgets: readonly Widget[] = [
  {
    title: 'Freshness: from arrival in the log to commit, ms',
    stat: 'Maximum',
    metrics: [own('ingest', 'FreshnessMs')],
  },
  {
    title: 'How far functions are behind their streams, ms',
    stat: 'Maximum',
    metrics: (['ingest', 'commit'] as const).map(name => [
      'AWS/Lambda',
      'IteratorAge',
      'FunctionName',
      `${stackName}-${name}`,
      { label: name },
    ]),
  },
  { title: 'Rows taken in', stat: 'Sum', metrics: [own('ingest', 'RowsIn')] },
  {
    title: 'Put aside and lost',
    stat: 'Sum',
    metrics: ['DeadLetters', 'UnreadableRecords', 'LostShards', 'FailedTables'].map(name => own('ingest', name)),
  },
  {
    title: 'Commits that lost against others',
    stat: 'Sum',
    metrics: (['ingest', 'commit', 'compact'] as const).map(name => own(name, 'CommitConflicts')),
  },
  { title: 'Compactions given up', stat: 'Sum', metrics: [own('compact', 'CompactionsGivenUp')] },
  { title: 'Invocations', stat: 'Sum', metrics: ofFunctions('Invocations') },
  { title: 'Duration, ms, nine of ten below', stat: 'p90', metrics: ofFunctions('Duration') },
  { title: 'Errors', stat: 'Sum', metrics: ofFunctions('Errors') },
  { title: 'Throttles', stat: 'Sum', metrics: ofFunctions('Throttles') },
];

export const dashboardResources: CloudResources = {
  Dashboard: {
    Type: 'AWS::CloudWatch::Dashboard',
    Properties: {
      DashboardName: sub(`${stackName}-${region}`),
      DashboardBody: sub(JSON.stringify({ widgets: widgets.map(placed) })),
    },
  },
};

function placed({ title, stat, metrics }: Widget, at: number): CloudValue {
  return {
    type: 'metric',
    x: (at % columns) * widgetWidth,
    y: Math.floor(at / columns) * widgetHeight,
    width: widgetWidth,
    height: widgetHeight,
    properties: { title, stat, metrics, period: periodSeconds, region, view: 'timeSeries' },
  };
}
