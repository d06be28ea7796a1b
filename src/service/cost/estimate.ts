/**
 * What a load would cost in a month: requests, CPU and bytes as `npm run bench -- cost` measured them, times list prices. The
 * arithmetic is told line by line, so that it can be checked and argued with.
 */
import type { PriceList, PriceName } from '../../metering/prices.ts';
import { bytesPerCore } from '../../table/work-memory.ts';
import { measured } from './measured.ts';

type Requests = { readonly put: number; readonly list: number; readonly get: number; readonly delete: number };

/** Of the file that the benchmark writes. */
export type Measured = {
  readonly date: string;
  readonly node: string;
  /** Of one batch of ingest, and what compaction and maintenance do for it. */
  readonly perBatch: Readonly<
    Record<
      'oneShard' | 'fourShards',
      Readonly<Record<'ingest' | 'compaction' | 'maintenance', Requests & { readonly invocation: number }>>
    >
  >;
  /** Of 10^6 bytes of rows as lines of JSON. CPU is of one core here. */
  readonly perMegabyte: {
    readonly jsonBytesPerRow: number;
    readonly logBytesPerJsonByte: number;
    readonly logUnits: number;
    readonly ingestCpuMs: number;
    readonly compactionCpuMs: number;
    readonly ingestBytesWritten: number;
    readonly compactionBytesWritten: number;
    readonly compactionBytesRead: number;
  };
};

export type EstimateRequest = {
  /** Of rows as lines of JSON, 10^6 bytes. */
  readonly mbPerSecond: number;
  /** Rows that lie in the tables in the end; undefined: storage is left out. */
  readonly rows?: number | undefined;
  /** Of a row as JSON; undefined: as measured. */
  readonly rowBytes?: number | undefined;
  /** undefined: as many as the load takes, filled to four fifths. */
  readonly shards?: number | undefined;
  readonly onDemand?: boolean | undefined;
  /** How long rows gather for a commit. */
  readonly windowSeconds?: number | undefined;
  readonly retentionHours?: number | undefined;
  /** With the commit log and its function. */
  readonly commitLog?: boolean | undefined;
  /** Registered consumers that all of the log is pushed to. */
  readonly fanOutConsumers?: number | undefined;
  readonly list: PriceList;
};

export type EstimateLine = {
  readonly what: string;
  /** `262,800 batches x 5.4 = 1.41 M` */
  readonly arithmetic: string;
  readonly dollars: number;
};

export type Estimate = {
  readonly lines: readonly EstimateLine[];
  readonly total: number;
  readonly peer: { readonly lines: readonly EstimateLine[]; readonly total: number };
  readonly shards: number;
  readonly batchSeconds: number;
};

const hoursPerMonth = 730;
const secondsPerMonth = hoursPerMonth * 3_600;
const gbBytes = 2 ** 30;
const shardBytesPerSecond = 1_000_000;
/** Of a shard's room, so that a load which wavers fits. */
const shardFillMax = 0.8;
/** AWS hands over 6 MB at a time, in which records are base64 with words around them. */
const batchBytesMax = 4_400_000;
const gbPerCore = bytesPerCore / gbBytes;
const functionGb = 0.5;
/** Of an answer of S3, when each is waited for by itself; assumed. */
const requestWaitMs = 30;
/** CPU of the SDK for each request; assumed. */
const requestCpuMs = 1.5;
/** Of the template, both; a test holds them equal to its own. */
export const windowSecondsDefault = 12;
export const retentionHoursDefault = 168;
/** Kinesis keeps records for so long at the price of the shard. */
const retentionHoursFree = 24;

/** @throws RangeError never: the command checks its numbers */
export function estimate(request: EstimateRequest): Estimate {
  const sizes = sizesOf(request);
  const lines = [...kinesisLines(request, sizes), ...storeLines(request, sizes), ...lambdaLines(request, sizes)];
  const peerLines = firehoseLines(request);
  const sum = (all: readonly EstimateLine[]): number => all.reduce((total, { dollars }) => total + dollars, 0);
  return {
    lines,
    total: sum(lines),
    peer: { lines: peerLines, total: sum(peerLines) },
    shards: sizes.shards,
    batchSeconds: sizes.batchSeconds,
  };
}

type Sizes = {
  readonly logMbPerSecond: number;
  readonly shards: number;
  readonly batchSeconds: number;
  /** A month. */
  readonly batches: number;
  readonly megabytes: number;
  readonly perBatch: Measured['perBatch']['oneShard'];
};

function sizesOf({ mbPerSecond, shards: given, windowSeconds = windowSecondsDefault }: EstimateRequest): Sizes {
  const logMbPerSecond = mbPerSecond * measured.perMegabyte.logBytesPerJsonByte;
  const shards = given ?? Math.max(1, Math.ceil((logMbPerSecond * 1e6) / (shardBytesPerSecond * shardFillMax)));
  const batchSeconds = Math.min(windowSeconds, batchBytesMax / ((logMbPerSecond * 1e6) / shards));
  return {
    logMbPerSecond,
    shards,
    batchSeconds,
    batches: (secondsPerMonth / batchSeconds) * shards,
    megabytes: mbPerSecond * secondsPerMonth,
    perBatch: shards === 1 ? measured.perBatch.oneShard : measured.perBatch.fourShards,
  };
}

function kinesisLines(request: EstimateRequest, { shards, megabytes }: Sizes): readonly EstimateLine[] {
  const { list, onDemand = false, retentionHours = retentionHoursDefault, commitLog = false } = request;
  const { logBytesPerJsonByte, logUnits } = measured.perMegabyte;
  const commits = commitLog ? [hours('commit log, 1 shard', 1, 'kinesisShardHour', list)] : [];
  const gb = (megabytes * 1e6 * logBytesPerJsonByte) / gbBytes;
  const pushed = fanOutLines(request, { shards, gb });
  if (onDemand) {
    return [
      hours('Kinesis, on demand', 1, 'kinesisOnDemandHour', list),
      priced('Kinesis, written', { count: gb, unit: 'GB', price: list.prices.kinesisOnDemandGbIn }),
      priced('Kinesis, read', { count: gb, unit: 'GB', price: list.prices.kinesisOnDemandGbOut }),
      ...pushed,
      ...commits,
    ];
  }
  const kept =
    retentionHours > retentionHoursFree
      ? [hours('Kinesis, kept beyond 24 h', shards, 'kinesisExtendedShardHour', list)]
      : [];
  return [
    hours('Kinesis, shards', shards, 'kinesisShardHour', list),
    millions(
      'Kinesis, units of 25 KB',
      `${number(megabytes)} MB x ${logUnits}`,
      megabytes * logUnits,
      list.prices.kinesisUnitPerMillion,
    ),
    ...kept,
    ...pushed,
    ...commits,
  ];
}

function fanOutLines(
  { list, onDemand = false, fanOutConsumers = 0 }: EstimateRequest,
  { shards, gb }: { readonly shards: number; readonly gb: number },
): readonly EstimateLine[] {
  if (fanOutConsumers === 0) return [];
  const { kinesisFanOutGbOut, kinesisOnDemandFanOutGbOut } = list.prices;
  const price = onDemand ? kinesisOnDemandFanOutGbOut : kinesisFanOutGbOut;
  const pushed = priced('Kinesis, fan-out, pushed', { count: gb * fanOutConsumers, unit: 'GB', price });
  if (onDemand) return [pushed];
  return [hours('Kinesis, fan-out, shards', shards * fanOutConsumers, 'kinesisFanOutShardHour', list), pushed];
}

function storeLines({ rows, rowBytes, list }: EstimateRequest, { batches, perBatch }: Sizes): readonly EstimateLine[] {
  const each = (of: (requests: Requests) => number): number =>
    of(perBatch.ingest) + of(perBatch.compaction) + of(perBatch.maintenance);
  const line = (what: string, count: number, price: number): EstimateLine =>
    millions(what, `${number(batches)} batches x ${number(count)}`, batches * count, price);
  const { s3PutPerMillion, s3GetPerMillion, eventPerMillion, s3StoragePerGbMonth } = list.prices;
  const lines = [
    line(
      'S3, PUT',
      each(requests => requests.put),
      s3PutPerMillion,
    ),
    line(
      'S3, LIST',
      each(requests => requests.list),
      s3PutPerMillion,
    ),
    line(
      'S3, GET',
      each(requests => requests.get),
      s3GetPerMillion,
    ),
    line(
      'EventBridge, objects made and removed',
      each(requests => requests.put + requests.delete),
      eventPerMillion,
    ),
  ];
  if (rows === undefined) return lines;
  const { jsonBytesPerRow, ingestBytesWritten } = measured.perMegabyte;
  const gb = (rows * (rowBytes ?? jsonBytesPerRow) * (ingestBytesWritten / 1e6)) / gbBytes;
  return [...lines, priced('S3, storage', { count: gb, unit: 'GB', price: s3StoragePerGbMonth })];
}

function lambdaLines({ list, commitLog = false }: EstimateRequest, sizes: Sizes): readonly EstimateLine[] {
  const { batches, megabytes, perBatch } = sizes;
  const { ingestCpuMs, compactionCpuMs } = measured.perMegabyte;
  const parts = [perBatch.ingest, perBatch.compaction, perBatch.maintenance];
  const requests = parts.reduce(
    (sum, { put, list: lists, get, delete: deletes }) => sum + put + lists + get + deletes,
    0,
  );
  const invocations = parts.reduce((sum, { invocation }) => sum + invocation, 0) + (commitLog ? 1 : 0);
  const cpuSeconds = (megabytes * (ingestCpuMs + compactionCpuMs) + batches * requests * requestCpuMs) / 1_000;
  const waitSeconds = (batches * requests * requestWaitMs) / 1_000;
  const { lambdaGbSecond, lambdaRequestPerMillion } = list.prices;
  return [
    millions(
      'Lambda, invocations',
      `${number(batches)} batches x ${number(invocations)}`,
      batches * invocations,
      lambdaRequestPerMillion,
    ),
    priced(
      `Lambda, CPU: ${number(megabytes)} MB x ${number(ingestCpuMs + compactionCpuMs)} ms and the SDK's, at a core for ${number(gbPerCore)} GB`,
      {
        count: cpuSeconds * gbPerCore,
        unit: 'GB-s',
        price: lambdaGbSecond,
      },
    ),
    priced(`Lambda, waiting: ${number(requests)} requests a batch, ${requestWaitMs} ms each, at ${functionGb} GB`, {
      count: waitSeconds * functionGb,
      unit: 'GB-s',
      price: lambdaGbSecond,
    }),
  ];
}

/** The same rows as JSON into Kinesis, and from there into Iceberg tables by Firehose; compaction and storage left out. */
function firehoseLines({ mbPerSecond, list }: EstimateRequest): readonly EstimateLine[] {
  const shards = Math.max(1, Math.ceil(mbPerSecond));
  const megabytes = mbPerSecond * secondsPerMonth;
  const unitsPerMb = 1e6 / (25 * 1_024);
  const gb = (megabytes * 1e6) / gbBytes;
  return [
    hours('Kinesis, shards', shards, 'kinesisShardHour', list),
    millions(
      'Kinesis, units of 25 KB',
      `${number(megabytes)} MB x ${number(unitsPerMb)}`,
      megabytes * unitsPerMb,
      list.prices.kinesisUnitPerMillion,
    ),
    priced('Firehose into Iceberg', { count: gb, unit: 'GB', price: list.prices.firehoseIcebergGb }),
  ];
}

function hours(what: string, count: number, price: PriceName, list: PriceList): EstimateLine {
  const each = list.prices[price];
  return { what, arithmetic: `${count} x ${hoursPerMonth} h x $${each}`, dollars: count * hoursPerMonth * each };
}

function millions(what: string, origin: string, count: number, price: number): EstimateLine {
  return { what, arithmetic: `${origin} = ${number(count / 1e6)} M x $${price}`, dollars: (count / 1e6) * price };
}

function priced(
  what: string,
  of: { readonly count: number; readonly unit: string; readonly price: number },
): EstimateLine {
  return { what, arithmetic: `${number(of.count)} ${of.unit} x $${of.price}`, dollars: of.count * of.price };
}

/** Four digits that count, and thousands apart. */
function number(value: number): string {
  return Number(value.toPrecision(4)).toLocaleString('en-US', { maximumFractionDigits: 4 });
}

/** Whoever reads the sum is told what it is of. */
function choiceText({ retentionHours = retentionHoursDefault, commitLog = false }: EstimateRequest): string {
  const chosen = `the log keeps ${retentionHours} h, ${commitLog ? 'with' : 'without'} a commit log`;
  return `${chosen} (--retention, --commit-log); the template's own choice is ${retentionHoursDefault} h, without\n`;
}

/** For people: lines, sum, and the peer. */
export function estimateText(request: EstimateRequest): string {
  const found = estimate(request);
  const { lines, total, peer, shards, batchSeconds } = found;
  const { list, mbPerSecond } = request;
  const width = Math.max(...[...lines, ...peer.lines].map(({ what }) => what.length));
  const print = ({ what, arithmetic, dollars }: EstimateLine): string =>
    `  ${what.padEnd(width)}  ${dollars.toFixed(2).padStart(9)}  ${arithmetic}\n`;
  return [
    `${mbPerSecond} MB/s of rows as JSON, ${shards} shards, a batch each ${number(batchSeconds)} s; a month of ${hoursPerMonth} h\n`,
    ...lines.map(print),
    `  ${'total, $'.padEnd(width)}  ${total.toFixed(2).padStart(9)}\n`,
    'Kinesis and Firehose into Iceberg, the same rows\n',
    ...peer.lines.map(print),
    `  ${'total, $'.padEnd(width)}  ${peer.total.toFixed(2).padStart(9)}  before requests, compaction and storage\n`,
    choiceText(request),
    `list prices of ${list.region} as of ${list.date}; requests and CPU as measured on ${measured.date}\n`,
  ].join('');
}
