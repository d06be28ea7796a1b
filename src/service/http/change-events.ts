/** A subscription as server-sent events. */
import { encodeResumePoint } from '../../flow/read/resume-point.ts';
import type { SubscribedBatch } from '../../flow/read/subscribed-batch.ts';
import type { Table } from '../../table/table.ts';
import { canonicalRow } from '../../types/canonical-json.ts';
import { rowKindOf } from '../../types/row-kind.ts';
import { type EventSource, eventLengthMax, eventOf, eventText } from './event-pieces.ts';

/** @param columns that come; all of the table's when not given */
export function changeEvents(
  items: AsyncGenerator<SubscribedBatch, void, undefined>,
  { label, schema }: Table,
  columns: readonly string[] = schema.fields.map(field => field.name),
): EventSource<SubscribedBatch> {
  return { begin: { table: label, columns, primaryKey: schema.primaryKeys }, items, eventsOf: eventsOfBatch };
}

/** Events of about so many characters; the last has the id of the place behind the batch. */
function* eventsOfBatch(batch: SubscribedBatch): Generator<string, void, undefined> {
  const { rows, kinds, phase, snapshotId, resume, mayRepeat, headers, late, watermarkMs } = batch;
  const id = resume === undefined ? undefined : encodeResumePoint(resume);
  const repeat = mayRepeat === true ? '"mayRepeat":true,' : '';
  const given = headers === undefined ? '' : `"headers":${JSON.stringify(headers)},`;
  const head = `{"phase":"${phase}","snapshot":${snapshotId ?? null},${repeat}${given}"changes":[`;
  const row = canonicalRow(rows);
  let text = '';
  for (let index = 0; index < rows.rowCount; index += 1) {
    text += `${text === '' ? '' : ','}{"op":"${rowKindOf(kinds[index] ?? 0)}",${late?.[index] === 1 ? '"late":true,' : ''}"row":${row(index)}}`;
    const isLast = index === rows.rowCount - 1;
    if (text.length < eventLengthMax && !isLast) continue;
    const watermark = isLast && watermarkMs !== undefined ? `,"watermark":${watermarkMs}` : '';
    yield eventText('changes', isLast ? id : undefined, `${head}${text}]${watermark}}`);
    text = '';
  }
  const isTold = id !== undefined || watermarkMs !== undefined;
  if (rows.rowCount === 0 && isTold) yield eventOf('position', id, { watermark: watermarkMs });
}
