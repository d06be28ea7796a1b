/** Notes of producers in a folder: a file for each run, written ahead of what is sent and after what was acknowledged. */
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type NotedTable, parseNotes, type RunNotes } from './changes.ts';

export class NoteBook implements Disposable {
  readonly #file: number;

  constructor(folder: string, producer: number, run: number) {
    this.#file = openSync(join(folder, `notes-${producer}-${run}`), 'wx');
  }

  /** Before it is sent: it may be in the tables from now on. */
  willSend(to: number): void {
    writeSync(this.#file, `sent ${to}\n`);
  }

  /** On disk when this returns: a producer goes on only then. */
  acknowledged(table: NotedTable, from: number, to: number): void {
    writeSync(this.#file, `${table} ${from} ${to}\n`);
    fsyncSync(this.#file);
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}

/** All that was noted by now. */
export async function readNotes(folder: string): Promise<readonly RunNotes[]> {
  const names = (await readdir(folder)).flatMap(name => {
    const [, producer, run] = /^notes-(\d+)-(\d+)$/.exec(name) ?? [];
    return producer === undefined || run === undefined ? [] : [{ name, producer: Number(producer), run: Number(run) }];
  });
  names.sort((a, b) => a.producer - b.producer || a.run - b.run);
  return Promise.all(
    names.map(async ({ name, producer, run }) => parseNotes(producer, run, await readFile(join(folder, name), 'utf8'))),
  );
}
