/**
 * Watches any query: runs it again when a table that it names may have changed, and gives the difference to the answer
 * before. Of many changes that come while it runs, or while its consumer is busy, one further run tells all.
 */
import type { Clock } from '../../base/clock.ts';
import { invalid } from '../../base/errors.ts';
import type { Table } from '../../table/table.ts';
import type { RowType } from '../../types/data-type.ts';
import type { RowBatch } from '../../types/row-batch.ts';
import { type AnswerShape, HeldAnswer } from './held-answer.ts';
import { type BellParts, TableBell } from './table-bell.ts';
import { encodeWatchPlace, type WatchPlace } from './watch-place.ts';
import type { WatchedChange, WatchedParts } from './watched-part.ts';

/** A table that a query reads. */
export type ReadTable = { readonly table: Table; readonly isSystem: boolean };

export type AnswerRun = { readonly rowType: RowType; readonly batches: AsyncIterable<RowBatch> } & AsyncDisposable;

export type WatchedAnswer = {
  readonly name: string;
  /** The key; without one whole rows are told. */
  readonly key: readonly string[];
  /** Those that are given; all of the answer's when not given. */
  readonly columns: readonly string[] | undefined;
  readonly limits: AnswerShape['limits'];
  readonly label: string;
  readonly intervalMs: number;
  /** @param reads to be awaited with each table before anything of it is read */
  readonly run: (reads: (table: ReadTable) => Promise<void>) => Promise<AnswerRun>;
  /** Which parts of a table ring. */
  readonly bellParts: (table: Table) => Promise<BellParts>;
};

export async function* watchAnswer(
  watched: WatchedAnswer,
  { clock }: { readonly clock: Clock },
  from: WatchPlace | undefined,
  signal: AbortSignal,
): WatchedParts {
  const bells = new Bells(watched);
  let held: Current | undefined;
  let known = from?.kind === 'answer' ? from.digest : undefined;
  for (;;) {
    const beganMs = clock.monotonicMs();
    const { current, changes } = await nextAnswer(watched, bells, held, signal);
    const isNew = current !== held;
    held = current;
    const { digest } = current.answer;
    const resume = encodeWatchPlace(watched.name, { kind: 'answer', digest });
    const whole = { part: 0, isComplete: true, resume } as const;
    // Who has this answer already hears that it is the newest.
    if (isNew && digest === known) yield { ...whole, kind: 'delta', changes: [] };
    else if (isNew) yield { ...whole, kind: 'full', changes };
    else if (changes.length > 0) yield { ...whole, kind: 'delta', changes };
    known = undefined;
    await bells.ring(signal);
    const leftMs = beganMs + watched.intervalMs - clock.monotonicMs();
    if (leftMs > 0) await clock.sleep(leftMs, signal);
  }
}

/** An answer and the columns it has. */
type Current = { readonly answer: HeldAnswer; readonly shape: string };

/** With other columns than before it is another answer, which comes whole. */
async function nextAnswer(
  { run, key, columns, limits, label }: WatchedAnswer,
  bells: Bells,
  held: Current | undefined,
  signal: AbortSignal,
): Promise<{ readonly current: Current; readonly changes: readonly WatchedChange[] }> {
  await using running = await run(read => bells.place(read, signal));
  const { rowType, batches } = running;
  bells.check();
  const shape = JSON.stringify(rowType);
  const names = rowType.fields.map(field => field.name);
  checkNames(label, [...key, ...(columns ?? [])], names);
  const current =
    held?.shape === shape ? held : { shape, answer: new HeldAnswer({ key, columns: columns ?? names, limits, label }) };
  const changes = await current.answer.take(rowType, batches);
  signal.throwIfAborted();
  return { current, changes };
}

function checkNames(label: string, wanted: readonly string[], names: readonly string[]): void {
  const unknown = wanted.find(name => !names.includes(name));
  if (unknown === undefined) return;
  throw invalid(
    'LAKE_UNKNOWN_COLUMN',
    `watch of ${label}: the answer has no column ${JSON.stringify(unknown)}; it has ${names.join(', ')}`,
  );
}

/** A bell for each table that the query reads; one that is no longer read is left alone. */
class Bells {
  readonly #watched: WatchedAnswer;
  readonly #bells = new Map<string, TableBell>();

  constructor(watched: WatchedAnswer) {
    this.#watched = watched;
  }

  async place({ table, isSystem }: ReadTable, signal: AbortSignal): Promise<void> {
    const key = JSON.stringify([table.label, table.id ?? '', isSystem]);
    if (this.#bells.has(key)) return;
    this.#bells.set(key, await TableBell.place(await this.#watched.bellParts(table), table, isSystem, signal));
  }

  check(): void {
    if (this.#bells.size > 0) return;
    throw invalid(
      'LAKE_BAD_WATCH',
      `watch of ${this.#watched.label}: it reads no table, so its answer never changes; run it with sql`,
    );
  }

  /** Resolves when any rings. */
  async ring(signal: AbortSignal): Promise<void> {
    const rung = new AbortController();
    const either = AbortSignal.any([signal, rung.signal]);
    const rings = [...this.#bells].map(async ([key, bell]) => {
      const { isLost } = await bell.ring(either);
      if (isLost) this.#bells.delete(key);
    });
    try {
      await Promise.race(rings);
    } finally {
      rung.abort();
      await Promise.allSettled(rings);
    }
  }
}
