/**
 * The messages of an Arrow IPC stream as plain values. Arrow's own reader trusts the lengths it finds: one flipped bit
 * makes it run out of memory. This one reads through a DataView that ends where the message ends, so that a wild offset
 * is a RangeError, and every count is held against the bytes that are there. Callers turn what is thrown into
 * LakeError; the library still writes the streams.
 *
 * @see https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
 * @see format/Message.fbs and format/Schema.fbs of Apache Arrow, for the slots of the tables
 */
import { corrupt, type LakeError } from '../base/errors.ts';

export type IpcMessage =
  | { readonly kind: 'schema'; readonly fields: readonly IpcField[] }
  | {
      readonly kind: 'record-batch';
      readonly rowCount: number;
      readonly nodes: readonly IpcNode[];
      readonly buffers: readonly Uint8Array[];
    };

export type IpcField = {
  readonly name: string;
  readonly nullable: boolean;
  /** Number of the type in Arrow's union, 2 = Int, 5 = Utf8 …, and what the type's table says, slot by slot. */
  readonly typeId: number;
  readonly parameters: TypeParameters;
  /** Of lists, maps and structs. */
  readonly children: readonly IpcField[];
};
export type IpcNode = { readonly length: number; readonly nullCount: number };

/** Reads numbers of a type's table: `int32(0, 128)` is slot 0, or 128 where it is left out. */
export type TypeParameters = {
  readonly int16: (slot: number, whenAbsent: number) => number;
  readonly int32: (slot: number, whenAbsent: number) => number;
  readonly bool: (slot: number) => boolean;
};

const continuation = 0xffff_ffff;
const headerSchema = 1;
const headerRecordBatch = 3;
/** A map of a type is two levels here. */
const ipcDepthMax = 130;
const ipcFieldsMax = 50_000;

export function ipcCorrupt(reason: string, cause?: unknown): LakeError {
  return corrupt('LAKE_IPC_CORRUPT', `bad Arrow IPC stream: ${reason}`, { cause });
}

/** All messages up to the end mark, which must be the last eight bytes. Buffers are views into `bytes` where they can be. */
export function readIpcMessages(bytes: Uint8Array): IpcMessage[] {
  const frame = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: IpcMessage[] = [];
  let at = 0;
  for (;;) {
    if (frame.getUint32(at, true) !== continuation) throw ipcCorrupt(`no message begins at byte ${at}`);
    const metadataBytes = frame.getUint32(at + 4, true);
    at += 8;
    if (metadataBytes === 0) break;
    if (metadataBytes > bytes.length - at) throw ipcCorrupt(`a header of ${metadataBytes} bytes goes beyond the end`);
    const bodyAt = at + metadataBytes;
    const message = rootTable(new DataView(bytes.buffer, bytes.byteOffset + at, metadataBytes));
    const bodyBytes = int64Of(message, 3);
    if (bodyBytes > bytes.length - bodyAt) throw ipcCorrupt(`a body of ${bodyBytes} bytes goes beyond the end`);
    messages.push(readMessage(message, bytes.subarray(bodyAt, bodyAt + bodyBytes)));
    at = bodyAt + bodyBytes;
  }
  if (at !== bytes.length) throw ipcCorrupt(`${bytes.length - at} bytes follow the end mark`);
  return messages;
}

function readMessage(message: Table, body: Uint8Array): IpcMessage {
  const kind = uint8Of(message, 1);
  const header = tableOf(message, 2);
  if (header === undefined) throw ipcCorrupt('a message has no header');
  if (kind === headerSchema) {
    if (int16Of(header, 0, 0) !== 0) throw ipcCorrupt('it is big-endian');
    return { kind: 'schema', fields: readFields(header, 1, { depth: 0, left: ipcFieldsMax }) };
  }
  if (kind !== headerRecordBatch) throw ipcCorrupt(`message kind ${kind} is not expected`);
  if (tableOf(header, 3) !== undefined) throw ipcCorrupt('its buffers are compressed');
  // Numbers are read in place, which needs them at multiples of their size.
  const aligned = body.byteOffset % 8 === 0 ? body : body.slice();
  return {
    kind: 'record-batch',
    rowCount: int64Of(header, 0),
    nodes: pairsOf(header, 1).map(([length, nullCount]) => ({ length, nullCount })),
    buffers: pairsOf(header, 2).map(([offset, length]) => {
      if (offset + length > aligned.length)
        throw ipcCorrupt(`a buffer ends at ${offset + length} of ${aligned.length}`);
      return aligned.subarray(offset, offset + length);
    }),
  };
}

/** Tables may point to one another, so that few bytes are many fields: `left` are those that may still come. */
type Budget = { readonly depth: number; left: number };

function readFields(parent: Table, slot: number, budget: Budget): IpcField[] {
  const tables = tablesOf(parent, slot);
  budget.left -= tables.length;
  if (budget.left < 0) throw ipcCorrupt(`it has more than ${ipcFieldsMax} columns and fields`);
  if (tables.length > 0 && budget.depth > ipcDepthMax) throw ipcCorrupt(`columns nest deeper than ${ipcDepthMax}`);
  return tables.map(table => readField(table, budget));
}

function readField(field: Table, budget: Budget): IpcField {
  const type = tableOf(field, 3);
  if (type === undefined || tableOf(field, 4) !== undefined)
    throw ipcCorrupt('a column is a dictionary or has no type');
  const below = { depth: budget.depth + 1, left: budget.left };
  const children = readFields(field, 5, below);
  budget.left = below.left;
  return {
    name: textOf(field, 0),
    nullable: uint8Of(field, 1) !== 0,
    typeId: uint8Of(field, 2),
    parameters: {
      int16: (slot, whenAbsent) => int16Of(type, slot, whenAbsent),
      int32: (slot, whenAbsent) => int32Of(type, slot, whenAbsent),
      bool: slot => uint8Of(type, slot) !== 0,
    },
    children,
  };
}

/** A flatbuffers table: where it lies and where its table of slots lies. */
type Table = { readonly view: DataView; readonly at: number; readonly slotsAt: number; readonly slotsBytes: number };

function rootTable(view: DataView): Table {
  return tableAt(view, view.getUint32(0, true));
}

function tableAt(view: DataView, at: number): Table {
  const slotsAt = at - view.getInt32(at, true);
  return { view, at, slotsAt, slotsBytes: view.getUint16(slotsAt, true) };
}

/** Where a slot's value lies, or undefined when the table leaves it out. */
function slotAt({ view, at, slotsAt, slotsBytes }: Table, slot: number): number | undefined {
  const entry = 4 + slot * 2;
  if (entry + 2 > slotsBytes) return undefined;
  const offset = view.getUint16(slotsAt + entry, true);
  return offset === 0 ? undefined : at + offset;
}

function uint8Of(table: Table, slot: number): number {
  const at = slotAt(table, slot);
  return at === undefined ? 0 : table.view.getUint8(at);
}

function int16Of(table: Table, slot: number, whenAbsent: number): number {
  const at = slotAt(table, slot);
  return at === undefined ? whenAbsent : table.view.getInt16(at, true);
}

function int32Of(table: Table, slot: number, whenAbsent: number): number {
  const at = slotAt(table, slot);
  return at === undefined ? whenAbsent : table.view.getInt32(at, true);
}

/** A length or position: an int64 that is not negative and small enough for a number. */
function int64Of(table: Table, slot: number): number {
  const at = slotAt(table, slot);
  return at === undefined ? 0 : sizeAt(table.view, at);
}

function sizeAt(view: DataView, at: number): number {
  const high = view.getUint32(at + 4, true);
  if (high !== 0) throw ipcCorrupt('a size of more than 32 bits');
  return view.getUint32(at, true);
}

function tableOf(table: Table, slot: number): Table | undefined {
  const at = slotAt(table, slot);
  return at === undefined ? undefined : tableAt(table.view, at + table.view.getUint32(at, true));
}

type Elements = { readonly at: number; readonly count: number };

function elementsOf(table: Table, slot: number, elementBytes: number): Elements {
  const pointer = slotAt(table, slot);
  if (pointer === undefined) return { at: 0, count: 0 };
  const at = pointer + table.view.getUint32(pointer, true);
  const count = table.view.getUint32(at, true);
  if (count * elementBytes > table.view.byteLength)
    throw ipcCorrupt(`${count} elements in ${table.view.byteLength} bytes`);
  return { at: at + 4, count };
}

function tablesOf(table: Table, slot: number): Table[] {
  const { at, count } = elementsOf(table, slot, 4);
  return Array.from({ length: count }, (_, index) => {
    const entry = at + index * 4;
    return tableAt(table.view, entry + table.view.getUint32(entry, true));
  });
}

/** A vector of structs of two int64. */
function pairsOf(table: Table, slot: number): [number, number][] {
  const { at, count } = elementsOf(table, slot, 16);
  return Array.from({ length: count }, (_, index) => [
    sizeAt(table.view, at + index * 16),
    sizeAt(table.view, at + index * 16 + 8),
  ]);
}

function textOf(table: Table, slot: number): string {
  const { at, count } = elementsOf(table, slot, 1);
  const { buffer, byteOffset, byteLength } = table.view;
  if (at + count > byteLength) throw ipcCorrupt('a name goes beyond its message');
  return Buffer.from(buffer, byteOffset + at, count).toString();
}
