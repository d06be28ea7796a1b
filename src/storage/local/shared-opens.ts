/**
 * One opening of a file for all who ask for it in the same turn: who reads a page of each column asks for as many ranges of one
 * file at one time, and each opening and closing by itself is a turn of Node's threads and some calls of the system.
 *
 * The file is opened when everybody of the turn has asked, so nobody gets a version that was replaced before he asked.
 */
import { type OpenedObject, openObject } from './local-files.ts';

type Opening = { users: number; readonly file: Promise<OpenedObject | undefined> };

export class SharedOpens {
  readonly #opening = new Map<string, Opening>();

  /** As `openObject`; the file is closed when the last who has it disposes of it. */
  async open(path: string): Promise<OpenedObject | undefined> {
    const opening = this.#opening.get(path) ?? this.#begin(path);
    opening.users += 1;
    const file = await opening.file;
    if (file === undefined) return undefined;
    return {
      fd: file.fd,
      stat: file.stat,
      [Symbol.dispose]() {
        opening.users -= 1;
        if (opening.users === 0) file[Symbol.dispose]();
      },
    };
  }

  #begin(path: string): Opening {
    const begin = async (): Promise<OpenedObject | undefined> => {
      await Promise.resolve();
      this.#opening.delete(path);
      return openObject(path);
    };
    const opening = { users: 0, file: begin() };
    this.#opening.set(path, opening);
    return opening;
  }
}
