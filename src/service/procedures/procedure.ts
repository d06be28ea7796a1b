/** What a procedure is, and how the arguments of a CALL become its. */
import { invalid, isLakeError } from '../../base/errors.ts';
import { copyTable } from '../../catalog/dynamic-options.ts';
import { type Identifier, parseIdentifier } from '../../catalog/identifier.ts';
import { durationOption } from '../../format/option-values.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import type { CallRequest, StatementResult } from '../../sql/context.ts';
import type { PartitionSpec } from '../../table/partition-spec.ts';
import type { Table } from '../../table/table.ts';
import { buildBatch } from '../../types/column-builder.ts';
import type { DataType, RowType } from '../../types/data-type.ts';
import { lengthMax } from '../../types/data-type.ts';
import type { RowBatch } from '../../types/row-batch.ts';
import type { Scalar } from '../../types/scalar.ts';
import { parseTimestamp } from '../../types/time.ts';
import type { LakeParts } from '../lake-parts.ts';
import { openLakeTable } from '../tables.ts';

export type Procedure = {
  /** As Paimon calls it. */
  readonly name: string;
  /** In order; those with `?` may be left out. One with `…` at the end takes all that follow. */
  readonly parameters: readonly string[];
  readonly run: (call: Call) => Promise<StatementResult>;
};

const text: DataType = { kind: 'varchar', length: lengthMax, nullable: true };
const bigint: DataType = { kind: 'bigint', nullable: true };

/** One call, with checked access to its arguments. */
export class Call {
  readonly parts: LakeParts;
  readonly signal: AbortSignal | undefined;
  readonly #procedure: Procedure;
  readonly #values: ReadonlyMap<string, string | bigint | boolean>;
  readonly #rest: readonly string[];
  readonly #database: string;

  /** @throws LakeError `invalid` LAKE_BAD_ARGUMENT naming the procedure's arguments */
  constructor(parts: LakeParts, procedure: Procedure, request: CallRequest) {
    this.parts = parts;
    this.signal = request.signal;
    this.#procedure = procedure;
    this.#database = request.currentDatabase;
    const { values, rest } = this.#bound(request);
    this.#values = values;
    this.#rest = rest;
    const missing = procedure.parameters.find(
      parameter => !/[?…]$/.test(parameter) && !this.#values.has(wordOf(parameter)),
    );
    if (missing !== undefined) throw this.bad(`argument ${missing} is missing`);
  }

  /** The table of the argument `table`, with those of the argument `options` where the procedure has one. */
  async table(): Promise<Table> {
    const { database, table, branch } = this.identifier();
    const name = `${database}.${table}${branch === undefined ? '' : `$branch_${branch}`}`;
    return copyTable(await openLakeTable(this.parts, name), optionsOf(this, 'options'));
  }

  identifier(): Identifier {
    const name = this.text('table');
    return parseIdentifier(name.includes('.') ? name : `${this.#database}.${name}`);
  }

  text(name: string): string {
    const value = this.optionalText(name);
    if (value === undefined) throw this.bad(`argument ${name} is missing`);
    return value;
  }

  optionalText(name: string): string | undefined {
    const value = this.#values.get(wordOf(name));
    return value === undefined ? undefined : String(value);
  }

  optionalInteger(name: string): number | undefined {
    const value = this.optionalText(name);
    if (value === undefined) return undefined;
    if (/^\d{1,15}$/.test(value)) return Number(value);
    throw this.bad(`argument ${name} must be a whole number, not ${value}`);
  }

  optionalBoolean(name: string): boolean | undefined {
    const value = this.optionalText(name)?.toLowerCase();
    if (value === undefined || value === 'true' || value === 'false')
      return value === undefined ? value : value === 'true';
    throw this.bad(`argument ${name} must be TRUE or FALSE, not ${value}`);
  }

  /** `1 d`, `12 h`, in milliseconds. @throws LakeError `invalid` LAKE_BAD_OPTION naming the argument */
  optionalDuration(name: string): number | undefined {
    const value = this.optionalText(name);
    return value === undefined ? undefined : durationOption({ [name]: value }, name);
  }

  /** A time as `2024-01-31 10:20:30`, in UTC, in milliseconds. */
  optionalTime(name: string): number | undefined {
    const value = this.optionalText(name);
    if (value === undefined) return undefined;
    const nanos = parseTimestamp(value.trim());
    if (nanos !== undefined) return Number(nanos / 1_000_000n);
    throw this.bad(`argument ${name} must be a time such as '2024-01-31 10:20:30', in UTC, not ${value}`);
  }

  /** Those at the end that have no name. */
  get rest(): readonly string[] {
    return this.#rest;
  }

  /** @throws LakeError `unsupported` for arguments that the procedure has with Paimon and not here */
  refuse(...names: readonly string[]): void {
    const given = names.find(name => this.#values.has(wordOf(name)));
    if (given !== undefined) throw this.bad(`argument ${given} is not supported by Tidelake`);
  }

  bad(why: string): Error {
    const { name, parameters } = this.#procedure;
    return invalid('LAKE_BAD_ARGUMENT', `CALL sys.${name}(${parameters.join(', ')}): ${why}`);
  }

  #bound({ args }: CallRequest): {
    readonly values: ReadonlyMap<string, string | bigint | boolean>;
    readonly rest: readonly string[];
  } {
    const { parameters } = this.#procedure;
    const values = new Map<string, string | bigint | boolean>();
    const rest: string[] = [];
    const known = new Set(parameters.map(wordOf));
    for (const [index, { name, value }] of args.entries()) {
      const parameter = name ?? parameters[Math.min(index, parameters.length - 1)] ?? '';
      const isRest = name === undefined && parameter.endsWith('…');
      if (name === undefined && index >= parameters.length && !isRest) {
        throw this.bad(`it takes ${parameters.length} arguments, not ${args.length}`);
      }
      if (!known.has(wordOf(parameter))) throw this.bad(`there is no argument ${parameter}`);
      if (isRest && value !== null) rest.push(String(value));
      else if (values.has(wordOf(parameter))) throw this.bad(`argument ${parameter} twice`);
      else if (value !== null && value !== '') values.set(wordOf(parameter), value);
    }
    return { values, rest };
  }
}

/** `k=v,k2=v2`: options of the table that hold for the call. */
export function optionsOf(call: Call, name: string): Readonly<Record<string, string>> {
  const text = call.optionalText(name);
  const pairs = text === undefined ? {} : pairsOf(text);
  if (pairs === undefined || Object.keys(pairs).some(key => /\s/.test(key)))
    throw call.bad(`argument ${name} must be options, such as a=1,b=2`);
  return pairs;
}

/** `dt=2024-01-01,hh=5` */
export function specOf(call: Call, text: string): PartitionSpec {
  const pairs = pairsOf(text);
  if (pairs === undefined) throw call.bad(`${text} is no partition, such as dt=2024-01-01,hh=5`);
  return pairs;
}

/** undefined: one of them is no pair. */
function pairsOf(text: string): Readonly<Record<string, string>> | undefined {
  const pairs = text.split(',').map(pair => /^\s*([^=]+?)\s*=\s*(.*?)\s*$/s.exec(pair));
  if (pairs.some(pair => pair === null)) return undefined;
  return Object.fromEntries(pairs.map(pair => [pair?.[1] ?? '', pair?.[2] ?? '']));
}

/** Over the whole name, as Java matches. */
export function patternOf(call: Call, name: string): RegExp | undefined {
  const source = call.optionalText(name);
  if (source === undefined) return undefined;
  try {
    return new RegExp(`^(?:${source})$`, 'u');
  } catch (cause) {
    throw call.bad(`argument ${name} is no pattern: ${isLakeError(cause) ? cause.message : source}`);
  }
}

/** `tagName`, `tag_name?`, `TAG_NAME`: one word. */
function wordOf(name: string): string {
  return name.replace(/[?…_]/g, '').toLowerCase();
}

export function textRows(column: string, values: readonly string[]): StatementResult {
  return rowsOf(
    [[column, text]],
    values.map(value => [value]),
  );
}

/** What Paimon's procedures without a result say. */
export function success(): StatementResult {
  return textRows('result', ['Success']);
}

export function numberRow(columns: Readonly<Record<string, number | undefined>>): StatementResult {
  const names = Object.keys(columns);
  const row = Object.values(columns).map(value => (value === undefined ? null : BigInt(value)));
  return rowsOf(
    names.map(name => [name, bigint] as const),
    [row],
  );
}

/** What tags that are made of a time or a watermark say. */
export function tagRow(name: string, { id, timeMillis, watermark }: Snapshot): StatementResult {
  const columns = [
    ['tagName', text],
    ['snapshot', bigint],
    ['commit_time', bigint],
    ['watermark', text],
  ] as const;
  const said = watermark === undefined ? null : String(watermark);
  return rowsOf(columns, [[name, BigInt(id), BigInt(timeMillis), said]]);
}

function rowsOf(
  columns: readonly (readonly [string, DataType])[],
  rows: readonly (readonly Scalar[])[],
): StatementResult {
  const fields = columns.map(([name, type], id) => ({
    id,
    name,
    type,
    description: undefined,
    defaultValue: undefined,
  }));
  const rowType: RowType = { fields };
  return { kind: 'rows', rowType, batches: once(buildBatch(rowType, rows)) };
}

async function* once(batch: RowBatch): AsyncGenerator<RowBatch, void, undefined> {
  yield batch;
}
