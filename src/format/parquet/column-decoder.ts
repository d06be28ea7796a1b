/** Pages of one column into the column, or some rows of it: by our decoder, or by the wasm where compression is left to that. */
import { release } from '../../bytes/release.ts';
import type { DataType } from '../../types/data-type.ts';
import { gatherColumn } from '../../types/gather.ts';
import type { Column } from '../../types/row-batch.ts';
import { decodeLeaf, pickLeaf } from './decode/leaf-decoder.ts';
import { decoding } from './fault.ts';
import { type ColumnPages, decodePages } from './mini-file.ts';
import { parquetCodec } from './wasm-door.ts';

/**
 * The values of pages that hold `rowCount` rows. The wasm is loaded only where it is needed.
 *
 * @throws LakeError `corrupt`
 */
export async function decodeColumn(column: ColumnPages, rowCount: number, where: string): Promise<Column> {
  const { plan, codec, pages } = column;
  if (codec === 'none') return decoding(where, () => plan.toColumn(decodeLeaf(plan, pages, rowCount)));
  const wasm = await parquetCodec();
  return decoding(where, () => decodePages(wasm, column, rowCount));
}

/** Where fewer of the rows are picked, the others are not decoded: one by one, rows take some times as long. */
const pickedShareMax = 1 / 16;

/**
 * The values of some rows of pages that hold `rowCount` rows.
 *
 * @param rows ascending; undefined: all · @throws LakeError `corrupt`
 */
export async function pickColumn(
  column: ColumnPages,
  {
    rowCount,
    rows,
    type,
  }: { readonly rowCount: number; readonly rows: Uint32Array | undefined; readonly type: DataType },
  where: string,
): Promise<Column> {
  if (rows === undefined) return decodeColumn(column, rowCount, where);
  const { plan, codec, pages } = column;
  if (codec === 'none' && rows.length <= rowCount * pickedShareMax) {
    return decoding(where, () => plan.toColumn(pickLeaf(plan, { pages, rowCount }, rows)));
  }
  const decoded = await decodeColumn(column, rowCount, where);
  const picked = gatherColumn([decoded], type, new Uint8Array(rows.length), rows);
  releaseColumn(decoded);
  return picked;
}

/** Of rows that were picked the others are not looked at again. */
function releaseColumn({ values, valueOffsets, nullBitmap }: Column): void {
  const arrays: readonly unknown[] = [values, valueOffsets, nullBitmap];
  release(
    arrays.flatMap(array =>
      ArrayBuffer.isView(array) && array.buffer instanceof ArrayBuffer ? [new Uint8Array(array.buffer)] : [],
    ),
  );
}
