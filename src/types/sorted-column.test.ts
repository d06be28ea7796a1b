import { expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import { buildBatch } from './column-builder.ts';
import { compareScalars } from './compare.ts';
import type { DataType } from './data-type.ts';
import type { Scalar } from './scalar.ts';
import { equalStretch } from './sorted-column.ts';

const types: readonly (readonly [DataType, (n: number) => Scalar])[] = [
  [{ kind: 'bigint', nullable: true }, n => BigInt(n - 20) * 2n ** 40n],
  [{ kind: 'int', nullable: true }, n => n - 20],
  [{ kind: 'varchar', length: 9, nullable: true }, n => ['', 'a', 'b', 'é', '🙂'][n % 5] + String(n)],
  [{ kind: 'double', nullable: true }, n => [Number.NaN, -0, 0, Number.NEGATIVE_INFINITY][n] ?? n / 7],
  [{ kind: 'decimal', precision: 20, scale: 2, nullable: true }, n => BigInt(n - 20)],
];

test.each(types)('the stretch of a value is where a look at every row finds it: %o', (type, nth) => {
  const random = seededRandom(31);
  const below = (n: number): number => Math.floor(random.next() * n);
  for (let round = 0; round < 200; round += 1) {
    const range = 1 + below(40);
    const some = (): Scalar => (below(12) === 0 ? null : nth(below(range)));
    const values = Array.from({ length: below(60) }, some).toSorted((a, b) => compareScalars(type, a, b));
    const wanted = below(4) === 0 ? nth(below(60)) : (values[below(values.length)] ?? nth(1));
    const field = { id: 0, name: 'c', type, description: undefined, defaultValue: undefined };
    const [column] = buildBatch(
      { fields: [field] },
      values.map(value => [value]),
    ).columns;
    if (column === undefined) throw new Error('a column');
    const { start, end } = equalStretch(column, type, wanted);
    const equal = values.flatMap((value, row) => (compareScalars(type, value, wanted) === 0 ? [row] : []));
    expect(Array.from({ length: end - start }, (_, index) => start + index)).toEqual(equal);
  }
});
