/**
 * What a producer of rows by HTTP keeps, so that it goes on after its page or process was closed: its name, and the last
 * request until it is answered.
 */
import { invalid } from '../base/errors.ts';

/**
 * Where a text is kept: `read` gives the last that was written, by whomever. What it throws stops the producer, before anything is
 * sent or after rows were acknowledged.
 */
export type ProducerJournal = {
  readonly read: () => Promise<string | null> | string | null;
  readonly write: (text: string) => Promise<void> | void;
};

export type JournalEntry = {
  readonly producer: string;
  /** Of the last request. */
  readonly number: number;
  /** Of the last request when it was not answered yet. */
  readonly body: string | null;
  /** Of its records. */
  readonly headers: string | undefined;
};

/** In the manner of `localStorage`. */
export type KeyedStorage = {
  readonly getItem: (key: string) => string | null;
  readonly setItem: (key: string, value: string) => void;
};

/** A journal in `localStorage` or its like. Of producers with one key the one opened last goes on: other pages need keys of their own. */
export function storageJournal(storage: KeyedStorage, key: string): ProducerJournal {
  return { read: () => storage.getItem(key), write: text => storage.setItem(key, text) };
}

/** @throws LakeError `invalid` LAKE_BAD_JOURNAL */
export function journalEntry(text: string | null): JournalEntry | undefined {
  if (text === null || text === '') return undefined;
  try {
    const { producer, number, body, headers } = JSON.parse(text);
    const isWhole = typeof producer === 'string' && Number.isSafeInteger(number) && number >= 0;
    const isHeaders = headers === undefined || typeof headers === 'string';
    if (isWhole && isHeaders && (body === null || typeof body === 'string')) return { producer, number, body, headers };
  } catch {
    // Said below.
  }
  throw invalid('LAKE_BAD_JOURNAL', 'the journal holds something else than what a producer has written');
}
