/** A module declares how far its memory may grow; Rust's declare no limit, and what has grown never shrinks. */
import { leb, lebAt } from './wasm-stack.ts';

const memorySection = 5;
const headerBytes = 8;
const limitsOpen = 0;
const limitsClosed = 1;
const pageBytes = 65_536;

/** The module with a limit to its one memory; unchanged when that has one already. What needs more ends in a trap. */
export function withMemoryLimit(wasm: Uint8Array, bytesMax: number): Uint8Array {
  let at = headerBytes;
  while (at < wasm.length) {
    const size = lebAt(wasm, at + 1);
    const end = size.end + size.value;
    if (wasm[at] === memorySection) {
      const count = lebAt(wasm, size.end);
      if (count.value !== 1 || wasm[count.end] !== limitsOpen) return wasm;
      const pagesMin = lebAt(wasm, count.end + 1).value;
      const body = Buffer.concat([
        Uint8Array.of(1, limitsClosed),
        leb(pagesMin),
        leb(Math.floor(bytesMax / pageBytes)),
      ]);
      const section = [Uint8Array.of(memorySection), leb(body.length), body];
      return Buffer.concat([wasm.subarray(0, at), ...section, wasm.subarray(end)]);
    }
    at = end;
  }
  return wasm;
}
