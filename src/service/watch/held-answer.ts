/**
 * The answer of a query, held to be compared with the next: what changed comes out, by key or, without a key, by whole rows.
 *
 * Rows are compared as canonical JSON. Of a row with a key its key and a digest are held, of one without its text.
 */
import { createHash } from 'node:crypto';
import { invalid } from '../../base/errors.ts';
import { isJsonObject, parseJson } from '../../base/json.ts';
import { canonicalRow, parseCanonicalRow } from '../../types/canonical-json.ts';
import { buildBatch } from '../../types/column-builder.ts';
import type { RowType } from '../../types/data-type.ts';
import { takeRows } from '../../types/gather.ts';
import { projectBatch, type RowBatch } from '../../types/row-batch.ts';
import type { Scalar } from '../../types/scalar.ts';
import type { WatchedChange, WatchLimits } from './watched-part.ts';

export type AnswerShape = {
  /** What tells rows apart; none: rows are a multiset. */
  readonly key: readonly string[];
  /** The columns that are given. */
  readonly columns: readonly string[];
  readonly limits: WatchLimits;
  /** What is watched, for messages. */
  readonly label: string;
};

/** Of a row that is held: how often, where there is no key; its digest, where there is one. */
type Held = Map<string, bigint>;

/** What a row costs beside its text, about: an entry of a map and a number. */
const entryBytes = 120;
const digestBits = 128;

export class HeldAnswer {
  readonly #shape: AnswerShape;
  #held: Held = new Map();
  #digest = 0n;

  constructor(shape: AnswerShape) {
    this.#shape = shape;
  }

  /** Equal for equal answers, whatever the order of their rows. */
  get digest(): string {
    return this.#digest.toString(16).padStart(digestBits / 4, '0');
  }

  /**
   * Takes the next answer in the place of the one that is held.
   *
   * @returns what changed; a key once, without a key what goes before what comes
   * @throws LakeError `invalid` LAKE_WATCH_TOO_LARGE, LAKE_WATCH_KEY; the answer before is held on then
   */
  async take(rowType: RowType, batches: AsyncIterable<RowBatch>): Promise<readonly WatchedChange[]> {
    const { key, limits, label } = this.#shape;
    const next: Held = new Map();
    const added: WatchedChange[] = [];
    let [digest, bytes, rowCount] = [0n, 0, 0];
    for await (const batch of batches) {
      const rows = this.#textsOf(batch);
      const picked: number[] = [];
      for (let row = 0; row < batch.rowCount; row += 1) {
        const { name, text } = rows(row);
        const ofRow = digestOf(text);
        digest += ofRow;
        const before = next.get(name);
        if (before !== undefined && key.length > 0) throw ambiguous(this.#shape, name);
        const value = key.length > 0 ? ofRow : (before ?? 0n) + 1n;
        next.set(name, value);
        bytes += text.length + entryBytes;
        rowCount += 1;
        const held = this.#held.get(name);
        if (key.length > 0 ? held !== value : value > (held ?? 0n)) picked.push(row);
      }
      if (rowCount > limits.rowsMax || bytes > limits.bytesMax) throw tooLarge(label, limits);
      if (picked.length > 0) added.push({ op: '+', rows: this.#given(takeRows(batch, Uint32Array.from(picked))) });
    }
    const removed = this.#removed(rowType, next);
    this.#held = next;
    this.#digest = BigInt.asUintN(digestBits, digest);
    return removed === undefined ? added : [removed, ...added];
  }

  #given(rows: RowBatch): RowBatch {
    return projectBatch(rows, this.#shape.columns);
  }

  /** What a row is held under, and the text that tells whether it is still the same. */
  #textsOf(batch: RowBatch): (row: number) => { readonly name: string; readonly text: string } {
    const text = canonicalRow(this.#given(batch));
    const name = this.#shape.key.length === 0 ? undefined : canonicalRow(projectBatch(batch, this.#shape.key));
    return row => {
      const ofRow = text(row);
      return {
        name: name === undefined ? ofRow : name(row),
        text: name === undefined ? ofRow : `${name(row)}${ofRow}`,
      };
    };
  }

  #removed(rowType: RowType, next: Held): WatchedChange | undefined {
    const { key, columns } = this.#shape;
    const names = key.length > 0 ? key : columns;
    const fields = names.flatMap(name => rowType.fields.find(field => field.name === name) ?? []);
    const gone: Scalar[][] = [];
    for (const [name, held] of this.#held) {
      const now = next.get(name);
      const times = key.length > 0 ? (now === undefined ? 1n : 0n) : held - (now ?? 0n);
      for (let time = 0n; time < times; time += 1n) gone.push(rowOf({ fields }, name));
    }
    return gone.length === 0 ? undefined : { op: '-', rows: buildBatch({ fields }, gone) };
  }
}

function rowOf(rowType: RowType, text: string): Scalar[] {
  const json = parseJson(text);
  return isJsonObject(json) ? parseCanonicalRow(rowType, json) : [];
}

function digestOf(text: string): bigint {
  const digest = createHash('sha256').update(text).digest();
  return (digest.readBigUInt64BE(0) << 64n) | digest.readBigUInt64BE(8);
}

function ambiguous({ key, label }: AnswerShape, name: string): Error {
  return invalid(
    'LAKE_WATCH_KEY',
    `watch of ${label}: two rows of the answer have the key ${name.slice(0, 200)}; ` +
      `give columns that tell rows apart in the place of ${key.join(', ')}, or no key`,
  );
}

function tooLarge(label: string, { rowsMax, bytesMax }: WatchLimits): Error {
  return invalid(
    'LAKE_WATCH_TOO_LARGE',
    `watch of ${label}: its answer has more than ${rowsMax} rows or ${bytesMax} bytes, which is what is held to tell ` +
      'what changed; watch fewer rows or columns, raise the limits, or subscribe to the table',
  );
}
