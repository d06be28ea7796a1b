/** How far the shards of streams have been handed over, kept in a file where there is one. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import * as z from 'zod';

export type Checkpoint = {
  /** Of the last record that was handed over; undefined: none yet. */
  readonly sequenceNumber?: string | undefined;
  /** All of a closed shard has been handed over. */
  readonly isDone?: boolean | undefined;
};

const fileSchema = z.record(
  z.string(),
  z.object({ sequenceNumber: z.string().optional(), isDone: z.boolean().optional() }),
);

export class Checkpoints {
  readonly #file: string | undefined;
  readonly #all: Map<string, Checkpoint>;

  /** @throws Error that names the file, when what is in it makes no sense */
  constructor(file?: string) {
    this.#file = file;
    this.#all = new Map(file !== undefined && existsSync(file) ? keptIn(file) : []);
  }

  get(name: string): Checkpoint {
    return this.#all.get(name) ?? {};
  }

  /** A file under its name is always whole. */
  set(name: string, checkpoint: Checkpoint): void {
    this.#all.set(name, { ...this.get(name), ...checkpoint });
    if (this.#file === undefined) return;
    writeFileSync(`${this.#file}.new`, JSON.stringify(Object.fromEntries(this.#all), undefined, 2));
    renameSync(`${this.#file}.new`, this.#file);
  }
}

function keptIn(file: string): readonly [string, Checkpoint][] {
  try {
    return Object.entries(fileSchema.parse(JSON.parse(readFileSync(file, 'utf8'))));
  } catch (error) {
    const advice = 'without it everything in the streams is handed over again, and counts once all the same';
    throw new Error(`${file} is damaged; remove it: ${advice}`, { cause: error });
  }
}
