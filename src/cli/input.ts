/** Input of commands: a file or stdin, in pieces. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { invalid } from '../base/errors.ts';

/** @param path a file; `-` is stdin · @throws LakeError `invalid` LAKE_BAD_INPUT */
export async function* inputPieces(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  const stream = path === '-' ? process.stdin : createReadStream(path, { highWaterMark: 1 << 18 });
  try {
    for await (const piece of stream) yield typeof piece === 'string' ? Buffer.from(piece) : piece;
  } catch (cause) {
    if (!isIoError(cause)) throw cause;
    throw badInput(path, cause);
  }
}

/** @throws LakeError `invalid` LAKE_BAD_INPUT */
export async function inputFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw badInput(path, cause);
  }
}

function badInput(path: string, cause: unknown): Error {
  return invalid('LAKE_BAD_INPUT', `can not read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
    cause,
  });
}

function isIoError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
