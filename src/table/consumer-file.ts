/**
 * The file of a consumer whose reader is ours: Paimon's `consumer/consumer-{id}` with its `nextSnapshot`, which holds that
 * snapshot and all above it (pins.ts), and beside it where exactly the reader stands and who it is (RFC 0017).
 *
 * It is replaced by compare-and-swap only, so of two readers under one name the one that came later has it, and the other
 * hears of that before it can move the place.
 */
import { unreachable } from '../base/assert.ts';
import { corrupt, invalid, LakeError } from '../base/errors.ts';
import { stringifyJson } from '../base/json.ts';
import { backoffMs } from '../base/retry.ts';
import { equalBytes } from '../bytes/compare.ts';
import { isFileName } from '../format/file-name.ts';
import { parseJsonObject } from '../format/json-file.ts';
import { jsonBytesMax } from '../format/metadata-limits.ts';
import { consumerPath } from '../format/paths.ts';
import { recordBackoff, recordTriesMax } from './expiry-record.ts';
import type { Table } from './table.ts';

export type ConsumerPlace = {
  /** The smallest snapshot that is still wanted. */
  readonly nextSnapshot: number;
  /** Where the reader stands; undefined: right before that snapshot, as Paimon has it. */
  readonly place: string | undefined;
};

/** Where in the file the place is. */
export const placeKey = 'tidelake.place';
/** Who wrote it. */
export const readerKey = 'tidelake.reader';

type Home = Pick<Table, 'store' | 'metaPath' | 'label' | 'clock' | 'random'>;

/**
 * Takes the consumer over from whoever reads under its name, if it has a place.
 *
 * @throws LakeError `invalid` LAKE_BAD_NAME; `corrupt` LAKE_CORRUPT_CONSUMER; `fenced` LAKE_CONSUMER_TAKEN when somebody else
 * takes it over at the same moment
 */
export async function openConsumer(home: Home, consumerId: string): Promise<ConsumerFile> {
  const key = consumerKey(home, consumerId);
  const object = await home.store.get(key, { bytesMax: jsonBytesMax });
  const file = new ConsumerFile(home, consumerId, object?.etag);
  if (object !== undefined) await file.save(decodeConsumerPlace(object.bytes, key));
  return file;
}

/** Where a consumer stands, without taking it over; undefined: there is none of that name. @throws LakeError as `openConsumer` */
export async function readConsumerPlace(
  home: Pick<Home, 'store' | 'metaPath'>,
  consumerId: string,
): Promise<ConsumerPlace | undefined> {
  const key = consumerKey(home, consumerId);
  const object = await home.store.get(key, { bytesMax: jsonBytesMax });
  return object === undefined ? undefined : decodeConsumerPlace(object.bytes, key);
}

/** @throws LakeError `invalid` LAKE_BAD_NAME */
export function consumerKey({ metaPath }: Pick<Home, 'metaPath'>, consumerId: string): string {
  if (!isFileName(consumerId)) {
    const text = JSON.stringify(consumerId.slice(0, 80));
    throw invalid('LAKE_BAD_NAME', `consumer ${text}: its id must do as the name of a file`);
  }
  return `${metaPath}/${consumerPath(consumerId)}`;
}

export class ConsumerFile {
  readonly #home: Home;
  readonly #consumerId: string;
  readonly #reader: string;
  #etag: string | undefined;
  #stored: ConsumerPlace | undefined;

  /** @param etag of the version that is there; undefined: there is none */
  constructor(home: Home, consumerId: string, etag: string | undefined) {
    this.#home = home;
    this.#consumerId = consumerId;
    this.#reader = home.random.uuid();
    this.#etag = etag;
  }

  /** undefined: the consumer has none yet. */
  get stored(): ConsumerPlace | undefined {
    return this.#stored;
  }

  /** @throws LakeError `fenced` LAKE_CONSUMER_TAKEN; `unavailable` when no answer came: it may have happened */
  async save(next: ConsumerPlace): Promise<void> {
    const { nextSnapshot, place } = next;
    const bytes = new TextEncoder().encode(
      stringifyJson({ nextSnapshot, [placeKey]: place, [readerKey]: this.#reader }),
    );
    this.#etag = await this.#replace(bytes);
    this.#stored = next;
  }

  /** Whether the name is still this reader's. @throws LakeError `fenced` LAKE_CONSUMER_TAKEN */
  async check(): Promise<void> {
    const object = await this.#home.store.get(this.#key, { bytesMax: jsonBytesMax });
    if (object?.etag !== this.#etag) throw this.#taken();
  }

  get #key(): string {
    return consumerKey(this.#home, this.#consumerId);
  }

  async #replace(bytes: Uint8Array): Promise<string> {
    const { store, clock, random } = this.#home;
    let cause: unknown;
    for (let tries = 0; tries < recordTriesMax; tries += 1) {
      const outcome =
        this.#etag === undefined
          ? await store.putIfAbsent(this.#key, bytes)
          : await store.putIfMatch(this.#key, bytes, this.#etag);
      switch (outcome.status) {
        case 'created':
        case 'replaced':
          return outcome.etag;
        case 'exists':
        case 'mismatch': {
          // Ours, when an earlier try happened and its answer was lost: nobody else writes this reader's name.
          const object = tries === 0 ? undefined : await store.get(this.#key, { bytesMax: jsonBytesMax });
          if (object !== undefined && equalBytes(object.bytes, bytes)) return object.etag;
          throw this.#taken();
        }
        case 'unanswered':
          cause = outcome.cause;
          await clock.sleep(backoffMs(tries, random, recordBackoff));
          break;
        default:
          return unreachable(outcome);
      }
    }
    const message = `${store.uri}: no answer to writing ${this.#key}; what was read since the place before may come again`;
    throw new LakeError('unavailable', 'LAKE_STORE_UNAVAILABLE', message, { cause });
  }

  #taken(): LakeError {
    return new LakeError(
      'fenced',
      'LAKE_CONSUMER_TAKEN',
      `consumer ${this.#consumerId} of ${this.#home.label} is read by somebody who came later, or was reset; ` +
        'what was read since its last place comes to them again. Give each reader a consumer of its own, or stop this one',
    );
  }
}

/** @throws LakeError `corrupt` LAKE_CORRUPT_CONSUMER */
export function decodeConsumerPlace(bytes: Uint8Array, where: string): ConsumerPlace {
  const json = parseJsonObject(bytes, { where, code: 'LAKE_CORRUPT_CONSUMER' });
  const { nextSnapshot, [placeKey]: place } = json;
  const isId = typeof nextSnapshot === 'number' && Number.isSafeInteger(nextSnapshot);
  if (isId && (place === undefined || typeof place === 'string')) return { nextSnapshot, place };
  throw corrupt('LAKE_CORRUPT_CONSUMER', `${where} is no place of a consumer; remove the file if no one reads with it`);
}
