/** A queue for what failed for good: kept in memory, and as lines of a file where there is a folder for it. */
import { appendFileSync } from 'node:fs';

export class LocalQueue {
  readonly messages: unknown[] = [];
  readonly #file: string | undefined;

  constructor(file?: string) {
    this.#file = file;
  }

  send(message: unknown): void {
    this.messages.push(message);
    if (this.#file !== undefined) appendFileSync(this.#file, `${JSON.stringify(message)}\n`);
  }
}
