/** A watch as server-sent events. */
import { canonicalRow } from '../../types/canonical-json.ts';
import type { OpenedWatch } from '../watch/open-watch.ts';
import type { WatchedPart } from '../watch/watched-part.ts';
import { type EventSource, eventLengthMax, eventText } from './event-pieces.ts';

export function watchEvents({ key, parts }: OpenedWatch): EventSource<WatchedPart> {
  // An event holds less than a part may: parts are counted anew.
  let part = 0;
  return {
    begin: { key },
    items: parts,
    *eventsOf(watched) {
      if (watched.part === 0) part = 0;
      for (const { changes, isLast } of piecesOf(watched)) {
        const isComplete = watched.isComplete && isLast;
        const data = `{"part":${part},"complete":${isComplete},"changes":[${changes}]}`;
        yield eventText(watched.kind, isComplete ? watched.resume : undefined, data);
        part = isComplete ? 0 : part + 1;
      }
    },
  };
}

function* piecesOf({
  changes,
}: WatchedPart): Generator<{ readonly changes: string; readonly isLast: boolean }, void, undefined> {
  let text = '';
  for (const { op, rows } of changes) {
    const print = canonicalRow(rows);
    for (let row = 0; row < rows.rowCount; row += 1) {
      if (text.length >= eventLengthMax) {
        yield { changes: text, isLast: false };
        text = '';
      }
      text += `${text === '' ? '' : ','}{"op":"${op}","row":${print(row)}}`;
    }
  }
  yield { changes: text, isLast: true };
}
