/** Pages of one column into the column: by our decoder, or by the wasm where compression is left to that. */
import type { Column } from '../../types/row-batch.ts';
import { decodeLeaf } from './decode/leaf-decoder.ts';
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
