/** Whole primary keys as texts that are equal where the keys are, byte for byte. */
import { ColumnarRowWriter } from '../../format/columnar-row-writer.ts';
import { fieldsNamed, type TableSchema } from '../../format/table-schema.ts';
import { columnOf, type RowBatch } from '../../types/row-batch.ts';

/** The key of each row; `rows` has the columns of the key among its own. */
export function keyTexts(schema: TableSchema, rows: RowBatch): readonly string[] {
  const writer = new ColumnarRowWriter(
    fieldsNamed(schema, schema.primaryKeys).map(({ type }) => type),
    schema.primaryKeys.map(name => columnOf(rows, name)),
  );
  return Array.from({ length: rows.rowCount }, (_, row) => {
    const bytes = writer.write(row);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  });
}
