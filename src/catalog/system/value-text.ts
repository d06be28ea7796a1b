/**
 * Values, keys and statistics as the texts that Paimon's system tables show: `{2024-01-01, 0}`, `[6]`, `{id=6, v=0.5}`.
 *
 * @see Paimon 1.4.2 FilesTable, ManifestsTable
 */
import { unreachable } from '../../base/assert.ts';
import { toHex } from '../../bytes/hex.ts';
import { type PartitionText, partitionText } from '../../format/partition-text.ts';
import { castScalar } from '../../types/cast.ts';
import { type DataField, type DataType, lengthMax } from '../../types/data-type.ts';
import { printDecimal } from '../../types/decimal-text.ts';
import { javaDouble, javaFloat } from '../../types/java-text.ts';
import type { Scalar } from '../../types/scalar.ts';
import { printTimestamp } from '../../types/time.ts';

const string: DataType = { kind: 'varchar', length: lengthMax, nullable: true };

/** `{2024-01-01, 0}`: each value as it reads in a query. */
export function partitionValuesText(types: readonly DataType[], values: readonly Scalar[]): string {
  return `{${types.map((type, index) => castText(type, values[index] ?? null)).join(', ')}}`;
}

/** `dt=2024-01-01/hh=0` */
export function partitionNameText(
  fields: readonly DataField[],
  values: readonly Scalar[],
  naming: PartitionText,
): string {
  return fields
    .map(({ name, type }, index) => `${name}=${partitionText(type, values[index] ?? null, naming)}`)
    .join('/');
}

/** `[6, abc]`: each value in its inner form. */
export function keyText(types: readonly DataType[], values: readonly Scalar[]): string {
  return `[${types.map((type, index) => innerText(type, values[index] ?? null)).join(', ')}]`;
}

/** `{a=1, b=null}`, ordered by name. */
export function namedText(values: ReadonlyMap<string, string>): string {
  const names = [...values.keys()].toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${names.map(name => `${name}=${values.get(name)}`).join(', ')}}`;
}

function castText(type: DataType, value: Scalar): string {
  const text = castScalar(value, type, string);
  return text === null ? 'null' : String(text);
}

/** As Java prints the object that holds the value: days, milliseconds, ISO times. Bytes are hex here. */
export function innerText(type: DataType, value: Scalar): string {
  if (value === null) return 'null';
  switch (typeof value) {
    case 'boolean':
    case 'string':
      return String(value);
    case 'number':
      if (type.kind === 'float') return javaFloat(value);
      return type.kind === 'double' ? javaDouble(value) : String(value);
    case 'bigint':
      if (type.kind === 'decimal') return printDecimal(value, type.scale);
      return type.kind === 'timestamp' || type.kind === 'timestamp-ltz' ? isoText(value) : String(value);
    case 'object':
      return value instanceof Uint8Array ? toHex(value) : 'null';
    default:
      return unreachable(value);
  }
}

/** As java.time.LocalDateTime prints: seconds only when there are any, fractions in groups of three digits. */
function isoText(nanos: bigint): string {
  const [whole = '', fraction = ''] = printTimestamp(nanos, 9).split('.');
  if (fraction === '000000000') return whole.endsWith(':00') ? whole.slice(0, -3) : whole;
  return `${whole}.${fraction.replace(/(000){1,2}$/, '')}`;
}
