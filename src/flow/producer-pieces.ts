/** Rows that wait in a producer's lanes, and how many of them one record takes. Pure. */
import { present } from '../base/assert.ts';
import { type RowBatch, sliceBatch } from '../types/row-batch.ts';
import type { AcknowledgedRecord } from './acknowledged-record.ts';
import { type RecordHeaders, sameHeaders } from './record-headers.ts';

export type Piece = {
  readonly rows: RowBatch;
  readonly kinds: Int8Array;
  readonly headers: RecordHeaders | undefined;
  readonly waiter: Waiter;
};

/** Of a call: it resolves when the last of its pieces is in the log. */
export type Waiter = {
  left: number;
  readonly records: AcknowledgedRecord[];
  readonly resolve: (records: readonly AcknowledgedRecord[]) => void;
  readonly reject: (error: unknown) => void;
};

/** Takes the first pieces of a queue that one record holds: at least one, all of the same headers. */
export function takePieces(queue: Piece[], rowsMax: number): readonly Piece[] {
  const headers = queue[0]?.headers;
  let rowCount = 0;
  let count = 0;
  for (const piece of queue) {
    rowCount += piece.rows.rowCount;
    if (count > 0 && (rowCount > rowsMax || !sameHeaders(piece.headers, headers))) break;
    count += 1;
  }
  return queue.splice(0, count);
}

/** The first and the second half of what was to be one record, in order; a lone piece is cut in two. */
export function halvePieces(pieces: readonly Piece[]): {
  readonly first: readonly Piece[];
  readonly rest: readonly Piece[];
} {
  if (pieces.length > 1) {
    const middle = pieces.length >> 1;
    return { first: pieces.slice(0, middle), rest: pieces.slice(middle) };
  }
  const piece = present(pieces[0], 'piece');
  const { rowCount } = piece.rows;
  const middle = rowCount >> 1;
  piece.waiter.left += 1;
  const part = (start: number, end: number): Piece => ({
    ...piece,
    rows: sliceBatch(piece.rows, start, end),
    kinds: piece.kinds.subarray(start, end),
  });
  return { first: [part(0, middle)], rest: [part(middle, rowCount)] };
}
