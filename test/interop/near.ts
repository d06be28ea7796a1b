/** Random values that all programs print alike. */
import type { DataType } from '../../src/types/data-type.ts';
import { nestedShape } from '../../src/types/nested-shape.ts';
import type { Scalar } from '../../src/types/scalar.ts';

const hundredYearsDays = 36_500;
const hundredYearsNanos = BigInt(hundredYearsDays) * 86_400_000_000_000n;

/** Times within a hundred years, in steps that the type has, at any depth. */
export function near(value: Scalar, type: DataType): Scalar {
  if (type.kind === 'date' && typeof value === 'number') return value % hundredYearsDays;
  if ((type.kind === 'timestamp' || type.kind === 'timestamp-ltz') && typeof value === 'bigint') {
    const step = 10n ** BigInt(9 - type.precision);
    return ((value % hundredYearsNanos) / step) * step;
  }
  const shape = nestedShape(type);
  if (shape === undefined || !Array.isArray(value)) return value;
  return value.map((item: Scalar, at) => {
    const of = shape.kind === 'list' ? shape.entry : shape.fields[at]?.type;
    return of === undefined ? item : near(item, of);
  });
}
