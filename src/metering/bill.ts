/** What usage comes to in dollars. */
import type { Prices } from './prices.ts';
import type { Usage } from './usage.ts';

export type Bill = {
  /** PUT and LIST. */
  readonly s3Put: number;
  readonly s3Get: number;
  /** EventBridge, told of each object made or removed; nothing for a bucket that does not tell it. */
  readonly events: number;
  /** Payload units; a stream's own hours are of no table. */
  readonly kinesis: number;
  readonly lambda: number;
  readonly total: number;
};

/** Dollars of one usage at these prices. Storage and the hours of shards are no usage, and are told apart from it. */
export function billOf(usage: Usage, prices: Prices): Bill {
  const s3Put = ((usage.put + usage.list) * prices.s3PutPerMillion) / 1e6;
  const s3Get = (usage.get * prices.s3GetPerMillion) / 1e6;
  const events = ((usage.put + usage.delete) * prices.eventPerMillion) / 1e6;
  const kinesis = (usage.logUnit * prices.kinesisUnitPerMillion) / 1e6;
  const lambda = (usage.invocation * prices.lambdaRequestPerMillion) / 1e6 + usage.gbSecond * prices.lambdaGbSecond;
  return { s3Put, s3Get, events, kinesis, lambda, total: s3Put + s3Get + events + kinesis + lambda };
}
