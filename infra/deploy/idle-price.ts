/** What a lake costs in a month in which nothing happens, at list prices; pure. Rows are in `tidelake estimate`. */
import { type PriceList, priceLists } from '../../src/metering/prices.ts';
import type { CloudResource } from '../definitions/cloudformation.ts';
import type { DeployedTemplate } from './plan.ts';

const hoursPerMonth = 730;
/** Kinesis keeps records for so long at the price of the shard. */
const retentionHoursFree = 24;
/** CloudWatch, in every region there are prices of: an alarm by the metrics it looks at, and a dashboard beyond the third. */
const alarmMetricMonth = 0.1;
const dashboardMonth = 3;

export type IdleLine = { readonly what: string; readonly dollars: number };

export type IdlePrice = { readonly list: PriceList; readonly lines: readonly IdleLine[]; readonly total: number };

/**
 * @param parameters values, by name
 * @returns undefined when there are no prices of the region
 */
export function idlePrice(
  template: DeployedTemplate,
  options: { readonly region: string; readonly parameters: Readonly<Record<string, string>> },
): IdlePrice | undefined {
  const list = priceLists.find(({ region }) => region === options.region);
  if (list === undefined) return undefined;
  const resources = Object.values(template.Resources);
  const alarmMetrics = resources.reduce((sum, resource) => sum + alarmMetricsOf(resource), 0);
  const lines = [
    ...logLines(list, options.parameters),
    ...commitLines(list, options.parameters),
    { what: `alarms on ${alarmMetrics} metrics`, dollars: alarmMetrics * alarmMetricMonth },
    { what: 'dashboard, if the account has three others', dollars: dashboardMonth },
  ];
  return { list, lines, total: lines.reduce((sum, { dollars }) => sum + dollars, 0) };
}

function logLines({ prices }: PriceList, parameters: Readonly<Record<string, string>>): readonly IdleLine[] {
  const { LogMode, LogShards = '1', LogRetentionHours = '24' } = parameters;
  if (LogMode === 'ON_DEMAND') return [{ what: 'log, on demand', dollars: hoursPerMonth * prices.kinesisOnDemandHour }];
  const shardHours = Number(LogShards) * hoursPerMonth;
  const lines = [{ what: `log, ${LogShards} shards`, dollars: shardHours * prices.kinesisShardHour }];
  if (Number(LogRetentionHours) <= retentionHoursFree) return lines;
  return [...lines, { what: 'log, kept beyond 24 h', dollars: shardHours * prices.kinesisExtendedShardHour }];
}

function commitLines({ prices }: PriceList, parameters: Readonly<Record<string, string>>): readonly IdleLine[] {
  if (parameters['GroupCommit'] !== 'ON') return [];
  return [{ what: 'commit stream, 1 shard', dollars: hoursPerMonth * prices.kinesisShardHour }];
}

function alarmMetricsOf({ Type, Properties }: CloudResource): number {
  if (Type !== 'AWS::CloudWatch::Alarm') return 0;
  const { Metrics } = Properties;
  return Array.isArray(Metrics) ? Metrics.filter(metric => 'MetricStat' in Object(metric)).length : 1;
}
