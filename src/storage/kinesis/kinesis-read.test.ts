import { expect, test } from 'vitest';
import { isLakeError } from '../../base/errors.ts';
import { systemRandom } from '../../base/random.ts';
import type { LogReadOptions, LogReadResult, LogStart } from '../log-store.ts';
import { text, texts } from '../log-store-testing.ts';
import { Cursors } from './kinesis-cursors.ts';
import { type IteratorStart, type KinesisReadCalls, type RecordsAnswer, readKinesisShard } from './kinesis-read.ts';

const hourMs = 3_600_000;
const nowMs = 100 * hourMs;

/** One shard of a service as AWS documents it; iterators are `index/generation`. Record N has position N * 10. */
class ScriptedShard implements KinesisReadCalls {
  readonly uri = 'kinesis://s';
  recordBytesMax = 1 << 20;
  readonly kept: { position: bigint; arrivalMs: number; value: string }[] = [];
  /** Records before this index are trimmed. */
  trimmed = 0;
  closed = false;
  answerRecordsMax = 10_000;
  /** Answers with nothing before the one that counts, as the service gives them on the way through old times. */
  emptyAnswers = 0;
  generation = 0;
  missing: Error | undefined;
  asked: string[] = [];

  append(...values: readonly string[]): bigint {
    for (const value of values) {
      this.kept.push({ position: BigInt(this.kept.length + 1) * 10n, arrivalMs: nowMs - hourMs, value });
    }
    return this.kept.at(-1)?.position ?? 0n;
  }

  async iterator(_shardId: string, start: IteratorStart): Promise<string> {
    this.asked.push(start.type);
    if (this.missing !== undefined && start.type === 'AT_SEQUENCE_NUMBER') throw this.missing;
    return `${Math.max(this.trimmed, this.#indexOf(start))}/${this.generation}`;
  }

  async iteratorAtTime(shardId: string, arrivalMs: number): Promise<string | undefined> {
    if (arrivalMs > nowMs) throw named('InvalidArgumentException');
    return await this.iterator(shardId, { type: 'AT_TIMESTAMP', arrivalMs });
  }

  async records(iterator: string): Promise<RecordsAnswer> {
    this.asked.push('records');
    const [index = 0, generation = 0] = iterator.split('/').map(Number);
    if (generation !== this.generation) throw named('ExpiredIteratorException');
    if (this.emptyAnswers > 0) {
      this.emptyAnswers -= 1;
      return { Records: [], NextShardIterator: iterator, MillisBehindLatest: 5000 };
    }
    const end = Math.min(this.kept.length, index + this.answerRecordsMax);
    const atEnd = end === this.kept.length;
    return {
      Records: this.kept.slice(index, end).map(({ position, arrivalMs, value }) => ({
        SequenceNumber: position.toString(),
        ApproximateArrivalTimestamp: new Date(arrivalMs),
        Data: text(value),
        PartitionKey: 'k',
      })),
      NextShardIterator: atEnd && this.closed ? undefined : `${end}/${this.generation}`,
      MillisBehindLatest: atEnd ? 0 : 1000,
    };
  }

  isListed = async (): Promise<boolean> => true;
  keptSinceMs = async (): Promise<number> => nowMs - 24 * hourMs;
  serverNowMs = (): number => nowMs;
  uuid = (): string => systemRandom.uuid();

  #indexOf(start: IteratorStart): number {
    const all = this.kept.length;
    const orEnd = (index: number): number => (index === -1 ? all : index);
    if (start.type === 'LATEST') return all;
    if (start.type === 'AT_TIMESTAMP') return orEnd(this.kept.findIndex(each => each.arrivalMs >= start.arrivalMs));
    if (start.type !== 'AT_SEQUENCE_NUMBER') return 0;
    return orEnd(this.kept.findIndex(each => each.position >= start.position));
  }
}

function named(name: string): Error {
  return Object.assign(new Error(name), { name, $metadata: { httpStatusCode: 400 } });
}

function reader(shard: ScriptedShard): (from: LogStart, options?: LogReadOptions) => Promise<LogReadResult> {
  const cursors = new Cursors();
  return (from, options) => readKinesisShard(shard, cursors, { shardId: 'shard', from }, options);
}

const earliest: LogStart = { kind: 'earliest' };

test('a reader that goes on from where it stopped asks for no iterator again', async () => {
  const shard = new ScriptedShard();
  const read = reader(shard);
  let result = await read(earliest);
  for (let round = 0; round < 3; round += 1) {
    shard.append(`${round}`);
    result = await read(result.next);
    expect(texts(result.records)).toEqual([`${round}`]);
    expect(result.atTip).toBe(true);
  }
  expect(shard.asked.filter(call => call !== 'records')).toEqual(['TRIM_HORIZON']);
});

test('an empty answer with something behind it is no tip, and reading goes on from it', async () => {
  const shard = new ScriptedShard();
  shard.append('a');
  shard.emptyAnswers = 2;
  const read = reader(shard);
  const first = await read(earliest);
  expect(first).toMatchObject({ records: [], atTip: false, ended: false, behindMs: 5000 });
  const second = await read(first.next);
  expect(second.atTip).toBe(false);
  expect(texts((await read(second.next)).records)).toEqual(['a']);
});

test('records beyond the limits of an answer are kept for the next one and not asked for again', async () => {
  const shard = new ScriptedShard();
  shard.append('a', 'b', 'c', 'd', 'e');
  const read = reader(shard);
  const first = await read(earliest, { recordsMax: 2 });
  expect([texts(first.records), first.atTip]).toEqual([['a', 'b'], false]);
  const second = await read(first.next, { bytesMax: 1 });
  expect([texts(second.records), second.atTip]).toEqual([['c'], false]);
  const third = await read(second.next);
  expect([texts(third.records), third.atTip]).toEqual([['d', 'e'], true]);
  expect(shard.asked).toEqual(['TRIM_HORIZON', 'records']);
  expect(texts((await read(first.next)).records)).toEqual(['c', 'd', 'e']);
  expect(texts((await read(earliest)).records)).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test('a full answer is not called the tip, even when the service says that nothing is behind it', async () => {
  const shard = new ScriptedShard();
  shard.append(...Array.from({ length: 10_000 }, () => 'x'));
  const read = reader(shard);
  const first = await read(earliest);
  expect([first.records.length, first.atTip]).toEqual([10_000, false]);
  expect((await read(first.next)).atTip).toBe(true);
});

test('an expired iterator is made again from its place without loss or repeat', async () => {
  const shard = new ScriptedShard();
  shard.append('a', 'b');
  const read = reader(shard);
  const first = await read(earliest);
  shard.generation += 1;
  shard.append('c');
  expect(texts((await read(first.next)).records)).toEqual(['c']);
});

test('a pin whose iterator has expired falls back to its time and loses nothing', async () => {
  const shard = new ScriptedShard();
  shard.append('old');
  const read = reader(shard);
  const pinned = await read({ kind: 'latest' });
  shard.append('new');
  for (const record of shard.kept.slice(-1)) record.arrivalMs = nowMs + 1;
  shard.generation += 1;
  expect(texts((await read(pinned.next)).records)).toEqual(['new']);
  const elsewhere = reader(shard);
  expect(texts((await elsewhere(pinned.next)).records)).toEqual(['new']);
});

test('two pins taken in the same second stay apart', async () => {
  const shard = new ScriptedShard();
  const read = reader(shard);
  const first = await read({ kind: 'latest' });
  shard.append('between');
  const second = await read({ kind: 'latest' });
  shard.append('after');
  expect(texts((await read(first.next)).records)).toEqual(['between', 'after']);
  expect(texts((await read(second.next)).records)).toEqual(['after']);
});

test('a start whose record is still kept is no gap, one whose record is gone is', async () => {
  const shard = new ScriptedShard();
  shard.append('a', 'b', 'c', 'd');
  const from: LogStart = { kind: 'after', position: 20n };
  expect(await reader(shard)(from)).toMatchObject({ gap: false });
  shard.trimmed = 2;
  const result = await reader(shard)(from);
  expect([texts(result.records), result.gap]).toEqual([['c', 'd'], true]);
  expect((await reader(shard)({ kind: 'after', position: 30n })).gap).toBe(false);
  expect((await reader(shard)(earliest)).gap).toBe(false);
});

test('a shard that has lost everything is a gap too, once', async () => {
  const shard = new ScriptedShard();
  const position = shard.append('a', 'b');
  shard.trimmed = 2;
  const read = reader(shard);
  const first = await read({ kind: 'after', position });
  expect(first).toMatchObject({ records: [], gap: true, atTip: true });
  expect(await read(first.next)).toMatchObject({ records: [], gap: false });
});

test('a gap is noticed behind empty answers as well', async () => {
  const shard = new ScriptedShard();
  shard.append('a', 'b', 'c');
  shard.trimmed = 2;
  shard.emptyAnswers = 1;
  const read = reader(shard);
  const first = await read({ kind: 'after', position: 10n });
  expect(first).toMatchObject({ records: [], gap: false, atTip: false });
  expect((await read(first.next)).gap).toBe(true);
});

test('whoever stood at the tip at a time that is still kept has lost nothing', async () => {
  const shard = new ScriptedShard();
  const position = shard.append('a');
  const atTip = (await reader(shard)(earliest)).next;
  expect(atTip).toMatchObject({ kind: 'after', position, tipMs: expect.any(Number) });
  shard.trimmed = 1;
  shard.append('b');
  expect((await reader(shard)(atTip)).gap).toBe(false);
  expect((await reader(shard)({ kind: 'after', position, tipMs: nowMs - 25 * hourMs })).gap).toBe(true);
});

test('a service that does not know a trimmed record begins at the oldest one, as a gap', async () => {
  const shard = new ScriptedShard();
  shard.append('a', 'b', 'c');
  shard.trimmed = 1;
  shard.missing = named('ResourceNotFoundException');
  const result = await reader(shard)({ kind: 'after', position: 20n });
  expect([texts(result.records), result.gap]).toEqual([['c'], true]);
  shard.missing = named('InvalidArgumentException');
  const refused = await reader(shard)({ kind: 'after', position: 20n }).catch((error: unknown) => error);
  expect(isLakeError(refused, 'LAKE_LOG_POSITION')).toBe(true);
});

test('a time that retention has passed is a gap, a time to come is waited for', async () => {
  const shard = new ScriptedShard();
  shard.append('a');
  expect((await reader(shard)({ kind: 'timestamp', arrivalMs: nowMs - 30 * hourMs })).gap).toBe(true);
  expect((await reader(shard)({ kind: 'timestamp', arrivalMs: nowMs - 2 * hourMs })).gap).toBe(false);
  const read = reader(shard);
  const coming: LogStart = { kind: 'timestamp', arrivalMs: nowMs + hourMs };
  expect((await read(coming)).records).toEqual([]);
  shard.append('too early', 'in time');
  for (const record of shard.kept.slice(-1)) record.arrivalMs = nowMs + hourMs;
  expect(texts((await read(coming)).records)).toEqual(['in time']);
});

test('a closed shard ends with its last record, and stays ended', async () => {
  const shard = new ScriptedShard();
  shard.append('a', 'b', 'c');
  shard.closed = true;
  const read = reader(shard);
  const first = await read(earliest, { recordsMax: 2 });
  expect(first.ended).toBe(false);
  const last = await read(first.next);
  expect([texts(last.records), last.ended, last.atTip]).toEqual([['c'], true, true]);
  expect(await read(last.next)).toMatchObject({ records: [], ended: true, gap: false });
  expect(await reader(shard)(last.next)).toMatchObject({ records: [], ended: true, gap: false });
});

test('a record the service garbles is LAKE_LOG_CORRUPT', async () => {
  const shard = new ScriptedShard();
  shard.append('a');
  shard.records = async () => ({ Records: [{ SequenceNumber: 'x', Data: text('a'), PartitionKey: 'k' }] });
  const failure = await reader(shard)(earliest).catch((error: unknown) => error);
  expect(isLakeError(failure, 'LAKE_LOG_CORRUPT')).toBe(true);
});

test('where records are as large as an answer, one with records is never called the tip', async () => {
  const shard = new ScriptedShard();
  shard.recordBytesMax = 10 << 20;
  shard.append('a');
  const read = reader(shard);
  const first = await read(earliest);
  expect(texts(first.records)).toEqual(['a']);
  expect(first.atTip).toBe(false);
  expect((await read(first.next)).atTip).toBe(true);
});
