/**
 * Partitions by name: `dt=2024-01-01, hh=5`, all keys or some of them, as values of the keys' types and as a filter.
 */
import { invalid, isLakeError } from '../base/errors.ts';
import type { TableSchema } from '../format/table-schema.ts';
import { castScalar } from '../types/cast.ts';
import { type DataType, lengthMax } from '../types/data-type.ts';
import type { Predicate } from '../types/predicate.ts';
import type { Scalar } from '../types/scalar.ts';

/** Values as text, the way a cast to STRING writes them; null is the partition of rows that have none. */
export type PartitionSpec = Readonly<Record<string, string | null>>;

const text: DataType = { kind: 'varchar', length: lengthMax, nullable: true };

/**
 * The values of the keys that the spec names. The default name of null partitions is null, as in their paths.
 *
 * @throws LakeError `invalid` LAKE_BAD_PARTITION
 */
export function partitionSpecValues(
  schema: TableSchema,
  spec: PartitionSpec,
  label: string,
): ReadonlyMap<string, Scalar> {
  const defaultName = schema.options['partition.default-name'] ?? '__DEFAULT_PARTITION__';
  const values = new Map<string, Scalar>();
  for (const [name, value] of Object.entries(spec)) {
    const field = schema.fields.find(candidate => candidate.name === name);
    if (field === undefined || !schema.partitionKeys.includes(name)) {
      const keys = schema.partitionKeys.length === 0 ? 'it has none' : `they are ${schema.partitionKeys.join(', ')}`;
      throw invalid('LAKE_BAD_PARTITION', `${label}: \`${name}\` is no partition key; ${keys}`);
    }
    const isNull = value === null || value === defaultName;
    values.set(name, isNull ? null : castOf(value, field.type, `${label}: partition key \`${name}\``));
  }
  return values;
}

/** What passes these partitions alone. undefined: no key is named, so all pass. */
export function partitionPredicate(values: ReadonlyMap<string, Scalar>): Predicate | undefined {
  const children = [...values].map(
    ([column, value]): Predicate =>
      value === null ? { kind: 'is-null', column } : { kind: 'compare', op: '=', column, value },
  );
  return children.length <= 1 ? children[0] : { kind: 'and', children };
}

/** @throws LakeError `invalid` LAKE_BAD_PARTITION */
export function partitionSpecPredicate(schema: TableSchema, spec: PartitionSpec, label: string): Predicate | undefined {
  return partitionPredicate(partitionSpecValues(schema, spec, label));
}

/** `dt=2024-01-01,hh=5` for messages. */
export function printPartitionSpec(spec: PartitionSpec): string {
  return Object.entries(spec)
    .map(([name, value]) => `${name}=${value ?? 'NULL'}`)
    .join(',');
}

function castOf(value: string, type: DataType, where: string): Scalar {
  try {
    return castScalar(value, text, type);
  } catch (error) {
    if (!isLakeError(error, 'LAKE_CAST_FAILED')) throw error;
    throw invalid('LAKE_BAD_PARTITION', `${where}: ${error.message}`, { cause: error });
  }
}
