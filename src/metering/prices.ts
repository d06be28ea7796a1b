/**
 * AWS's list prices, as far as this project is sure of them, without free tiers, discounts for much use, or taxes. Data
 * transfer within a region is free and has no line.
 *
 * Regions whose prices of every service here were not known for certain are left out on purpose: a price list of one's own
 * takes their place (`pricesOfJson`).
 */
import { invalid } from '../base/errors.ts';
import { isJsonObject, type JsonValue } from '../base/json.ts';

export type PriceName =
  /** One million PUT or LIST requests, GET requests. DELETE is free. */
  | 's3PutPerMillion'
  | 's3GetPerMillion'
  /** One GB (2^30 bytes) for a month, standard storage, first 50 TB. */
  | 's3StoragePerGbMonth'
  /** A bucket that tells EventBridge does so of every object made and removed. */
  | 'eventPerMillion'
  | 'kinesisShardHour'
  | 'kinesisUnitPerMillion'
  /** On demand: a stream's hour, and GB written and read. */
  | 'kinesisOnDemandHour'
  | 'kinesisOnDemandGbIn'
  | 'kinesisOnDemandGbOut'
  /** Enhanced fan-out, of one consumer: an hour of a shard, which on-demand streams do not pay, and GB pushed. */
  | 'kinesisFanOutShardHour'
  | 'kinesisFanOutGbOut'
  | 'kinesisOnDemandFanOutGbOut'
  /** Records kept beyond 24 hours, up to seven days. */
  | 'kinesisExtendedShardHour'
  /** arm64. */
  | 'lambdaGbSecond'
  | 'lambdaRequestPerMillion'
  /** Amazon Data Firehose into Iceberg tables, from a Kinesis stream, GB (2^30 bytes). */
  | 'firehoseIcebergGb';

/** Dollars. */
export type Prices = Readonly<Record<PriceName, number>>;

export type PriceList = {
  readonly region: string;
  /** When the prices were last looked at. */
  readonly date: string;
  readonly source: string;
  readonly prices: Prices;
};

/** From knowledge, not by AWS's price API: look at the pages before you lean on them. */
const source =
  'public pricing pages of S3, Kinesis Data Streams, Lambda, EventBridge and Data Firehose, as known to the authors';
const date = '2026-11-27';

/** These three have one price for all of it. */
const american: Prices = {
  s3PutPerMillion: 5,
  s3GetPerMillion: 0.4,
  s3StoragePerGbMonth: 0.023,
  eventPerMillion: 1,
  kinesisShardHour: 0.015,
  kinesisUnitPerMillion: 0.014,
  kinesisOnDemandHour: 0.04,
  kinesisOnDemandGbIn: 0.08,
  kinesisOnDemandGbOut: 0.04,
  kinesisFanOutShardHour: 0.015,
  kinesisFanOutGbOut: 0.013,
  kinesisOnDemandFanOutGbOut: 0.05,
  kinesisExtendedShardHour: 0.02,
  lambdaGbSecond: 0.0000133334,
  lambdaRequestPerMillion: 0.2,
  firehoseIcebergGb: 0.075,
};

export const priceLists: readonly PriceList[] = ['us-east-1', 'us-east-2', 'us-west-2'].map(region => ({
  region,
  date,
  source,
  prices: american,
}));

export const priceRegionDefault = 'us-east-1';

/** @throws LakeError `invalid` LAKE_NO_PRICES, naming the regions there are */
export function pricesOf(region: string = priceRegionDefault): PriceList {
  const found = priceLists.find(list => list.region === region);
  if (found !== undefined) return found;
  const known = priceLists.map(list => list.region).join(', ');
  throw invalid(
    'LAKE_NO_PRICES',
    `there are no prices of ${region}; there are ${known}; give a price list of your own`,
  );
}

/**
 * A list of one's own: `{"region": …, "date": …, "source": …, "prices": {…}}`, with every price there is.
 *
 * @param where for messages · @throws LakeError `invalid` LAKE_BAD_PRICES
 */
export function pricesOfJson(json: JsonValue, where: string): PriceList {
  if (!isJsonObject(json)) throw bad(where, 'it is no object');
  const { region, date: ofDate, source: from, prices } = json;
  if (typeof region !== 'string' || typeof ofDate !== 'string' || typeof from !== 'string') {
    throw bad(where, 'region, date and source are texts that it must have');
  }
  if (prices === undefined || !isJsonObject(prices)) throw bad(where, 'it has no prices');
  const own: Record<PriceName, number> = { ...american };
  for (const name of Object.keys(american).filter(isPriceName)) {
    const value = prices[name];
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw bad(where, `${name} is not a price`);
    own[name] = value;
  }
  return { region, date: ofDate, source: from, prices: own };
}

function isPriceName(text: string): text is PriceName {
  return text in american;
}

function bad(where: string, why: string): Error {
  return invalid('LAKE_BAD_PRICES', `${where} is no price list: ${why}`);
}
