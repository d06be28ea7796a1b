/** The merge of rows of one key under the options of a table: for tests of merge engines. */
import type { JsonValue } from '../src/base/json.ts';
import { parseMergeOptions } from '../src/format/merge-options.ts';
import { parseType } from '../src/format/type-text.ts';
import { mergeRuns } from '../src/lsm/merge.ts';
import type { MergeSpec } from '../src/lsm/merge-function.ts';
import { sortAndMerge } from '../src/lsm/sort-merge.ts';
import { buildBatch } from '../src/types/column-builder.ts';
import { rowsOf } from '../src/types/column-reader.ts';
import type { DataField } from '../src/types/data-type.ts';
import type { KeyValueBatch } from '../src/types/row-batch.ts';
import { type RowKind, rowKindByte, rowKindOf } from '../src/types/row-kind.ts';
import type { Scalar } from '../src/types/scalar.ts';

export type Change = readonly [kind: RowKind, ...values: Scalar[]];

/** A table of an INT key `k` and these columns. */
export class EngineTable {
  readonly #fields: readonly DataField[];
  readonly #spec: MergeSpec;
  #sequence = 0n;

  constructor(
    columns: Readonly<Record<string, JsonValue>>,
    options: Readonly<Record<string, string>>,
    dropDeletes = false,
  ) {
    this.#fields = Object.entries({ k: 'INT NOT NULL', ...columns }).map(([name, type], id) => ({
      id,
      name,
      type: parseType(type),
      description: undefined,
      defaultValue: undefined,
    }));
    const merging = parseMergeOptions({
      version: 3,
      id: 0,
      fields: this.#fields,
      highestFieldId: this.#fields.length,
      partitionKeys: [],
      primaryKeys: ['k'],
      options,
      comment: undefined,
      timeMillis: 0,
      extra: {},
    });
    this.#spec = { ...merging, keyNames: ['k'], dropDeletes };
  }

  /** Rows of key 1, numbered on. */
  batch(changes: readonly Change[], level?: number): KeyValueBatch {
    const first = this.#sequence;
    this.#sequence += BigInt(changes.length);
    return {
      rows: buildBatch(
        { fields: this.#fields },
        changes.map(([, ...values]) => [1, ...values]),
      ),
      kinds: Int8Array.from(changes, ([kind]) => rowKindByte[kind]),
      sequenceNumbers: BigInt64Array.from(changes, (_, i) => first + BigInt(i)),
      level,
    };
  }

  /** What comes of the rows of one key: the kind and the values. */
  merge(changes: readonly Change[]): Change | undefined {
    return this.shown(sortAndMerge([this.batch(changes)], this.#spec))[0];
  }

  /** The same, each change in a run of its own. */
  async mergeRuns(changes: readonly (readonly [level: number, change: Change])[]): Promise<readonly Change[]> {
    const runs = changes.map(([level, change]) => oneBatch(this.batch([change], level)));
    const out: Change[] = [];
    for await (const merged of mergeRuns(runs, this.#spec, { batchRowsMax: 10 })) out.push(...this.shown(merged));
    return out;
  }

  shown(batch: KeyValueBatch): readonly Change[] {
    return rowsOf(batch.rows).map(([, ...values], row) => [rowKindOf(batch.kinds[row] ?? 0), ...values]);
  }

  sequencesOf(changes: readonly Change[]): readonly bigint[] {
    return [...sortAndMerge([this.batch(changes)], this.#spec).sequenceNumbers];
  }
}

async function* oneBatch(batch: KeyValueBatch): AsyncGenerator<KeyValueBatch> {
  yield batch;
}
