/** A queue for what failed for good: kept in memory, and as lines of a file. */
import { appendFileSync } from 'node:fs';

export class LocalQueue {
  readonly messages: unknown[] = [];
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  send(message: unknown): void {
    this.messages.push(message);
    appendFileSync(this.#file, `${JSON.stringify(message)}\n`);
  }
}
