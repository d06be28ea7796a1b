/**
 * A trap within Rust's code leaves the stack pointer of the wasm where it was, so that some hundred traps use the stack
 * up and sound files no longer decode. The pointer is the first global of the module and not exported; with an export
 * added, the caller can put it back.
 */
const exportSection = 7;
const globalSection = 6;
const headerBytes = 8;
const typeI32 = 0x7f;
const mutable = 1;
const kindGlobal = 3;
const exportName = '__stack_pointer';

/** The module with its stack pointer exported; unchanged when its first global is none. */
export function withStackExport(wasm: Uint8Array): Uint8Array {
  let at = headerBytes;
  let isFound = false;
  while (at < wasm.length) {
    const id = wasm[at];
    const size = lebAt(wasm, at + 1);
    const end = size.end + size.value;
    if (id === globalSection) {
      const globals = lebAt(wasm, size.end);
      isFound = globals.value > 0 && wasm[globals.end] === typeI32 && wasm[globals.end + 1] === mutable;
    }
    if (id === exportSection) return isFound ? withExport(wasm, { start: at, body: size.end, end }) : wasm;
    at = end;
  }
  return wasm;
}

/** Where the stack pointer stands; the result puts it back there. Does nothing when `withStackExport` found none. */
export function markStack(exports: object): () => void {
  const pointer: unknown = Reflect.get(exports, exportName);
  if (typeof pointer !== 'object' || pointer === null) return () => undefined;
  const value: unknown = Reflect.get(pointer, 'value');
  return () => void Reflect.set(pointer, 'value', value);
}

type Section = { readonly start: number; readonly body: number; readonly end: number };

function withExport(wasm: Uint8Array, { start, body, end }: Section): Uint8Array {
  const count = lebAt(wasm, body);
  const name = Buffer.from(exportName, 'utf8');
  const entries = Buffer.concat([
    leb(count.value + 1),
    wasm.subarray(count.end, end),
    leb(name.length),
    name,
    Uint8Array.of(kindGlobal, 0),
  ]);
  const section = [Uint8Array.of(exportSection), leb(entries.length), entries];
  return Buffer.concat([wasm.subarray(0, start), ...section, wasm.subarray(end)]);
}

export function lebAt(bytes: Uint8Array, start: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let at = start, scale = 1; ; at += 1, scale *= 128) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return { value, end: at + 1 };
  }
}

export function leb(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...bytes, rest]);
    bytes.push((rest % 128) | 0x80);
  }
}
