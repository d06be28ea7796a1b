/**
 * How a batch of a shard is handed over to a function: again and again until it is taken, in parts when the function says so or
 * fails, given up only when the mapping says after how much.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
 */
import type { BufferedAnswer } from './local-function.ts';
import type { StreamMappingPlan } from './local-stack.ts';

export type StreamRecord = {
  readonly sequenceNumber: string;
  readonly partitionKey: string;
  readonly data: Uint8Array;
  readonly arrivalMs: number;
};

export type GivenUp = {
  readonly records: readonly StreamRecord[];
  readonly condition: 'RetryAttemptsExhausted' | 'RecordAgeExceeded';
  readonly callCount: number;
};

export type Delivery = {
  readonly plan: Pick<StreamMappingPlan, 'retriesMax' | 'recordAgeSecondsMax' | 'bisects' | 'reportsPart'>;
  readonly invoke: (records: readonly StreamRecord[]) => Promise<BufferedAnswer>;
  /** Everything up to this record is done with. */
  readonly checkpoint: (last: StreamRecord) => void;
  readonly giveUp: (given: GivenUp) => void;
  readonly pause: (ms: number) => Promise<void>;
  readonly nowMs: () => number;
  readonly isStopped: () => boolean;
};

type Part = { readonly records: readonly StreamRecord[]; readonly retries: number; readonly calls: number };

const retryMs = { first: 100, max: 5_000 };

/** Returns when all of it is done with, or the mapping is stopped. */
export async function deliver(records: readonly StreamRecord[], delivery: Delivery): Promise<void> {
  const parts: Part[] = [{ records, retries: 0, calls: 0 }];
  let failuresInTurn = 0;
  for (let part = parts.shift(); part !== undefined && !delivery.isStopped(); part = parts.shift()) {
    const given = givenUp(part, delivery);
    const last = part.records.at(-1);
    if (given !== undefined || last === undefined) {
      if (given !== undefined) delivery.giveUp(given);
      if (last !== undefined) delivery.checkpoint(last);
      continue;
    }
    const failedAt = firstFailure(await delivery.invoke(part.records), part.records, delivery.plan.reportsPart);
    if (delivery.isStopped()) return;
    if (failedAt === undefined) {
      delivery.checkpoint(last);
      failuresInTurn = 0;
      continue;
    }
    const done = part.records[failedAt - 1];
    if (done !== undefined) delivery.checkpoint(done);
    parts.unshift(...again(part, failedAt, delivery.plan.bisects));
    await delivery.pause(Math.min(retryMs.max, retryMs.first * 2 ** failuresInTurn));
    failuresInTurn += 1;
  }
}

/** Parts of a batch that was cut in half do not count as tried again. */
function again(part: Part, failedAt: number, bisects: boolean): readonly Part[] {
  const calls = part.calls + 1;
  const records = part.records.slice(failedAt);
  if (failedAt > 0 || !bisects || records.length === 1) return [{ records, retries: part.retries + 1, calls }];
  const middle = Math.ceil(records.length / 2);
  return [records.slice(0, middle), records.slice(middle)].map(half => ({
    records: half,
    retries: part.retries,
    calls,
  }));
}

function givenUp({ records, retries, calls }: Part, { plan, nowMs }: Delivery): GivenUp | undefined {
  const oldestMs = Math.min(...records.map(record => record.arrivalMs));
  if (plan.recordAgeSecondsMax >= 0 && nowMs() - oldestMs > plan.recordAgeSecondsMax * 1_000) {
    return { records, condition: 'RecordAgeExceeded', callCount: calls };
  }
  if (plan.retriesMax >= 0 && retries > plan.retriesMax) {
    return { records, condition: 'RetryAttemptsExhausted', callCount: calls };
  }
  return undefined;
}

/** Index of the record from which on everything comes again; undefined: all is done. What makes no sense is all of it. */
function firstFailure(
  answer: BufferedAnswer,
  records: readonly StreamRecord[],
  reportsPart: boolean,
): number | undefined {
  if (answer.kind === 'error') return 0;
  if (!reportsPart) return undefined;
  const { batchItemFailures } = Object(parsed(answer.payload));
  if (batchItemFailures === undefined || batchItemFailures === null) return undefined;
  if (!Array.isArray(batchItemFailures)) return 0;
  const failed = batchItemFailures.map(failure =>
    records.findIndex(({ sequenceNumber }) => sequenceNumber === Object(failure)['itemIdentifier']),
  );
  return failed.length === 0 ? undefined : Math.max(0, Math.min(...failed));
}

function parsed(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    return undefined;
  }
}
