/**
 * A long manifest of which few entries are wanted: those of some partitions and buckets, its **places**.
 *
 * Opening it passes over the entries once and notes for each its place and where it begins; what is kept is the file as it
 * is, packed, and eight bytes an entry. Whoever asks is asked about each place once, and then only blocks that have
 * something are unpacked and only entries that are wanted are made. So a plan costs what it finds, not what the table has:
 * of 100,000 entries one place takes a millisecond, all of them a third of a second and 200 MB.
 *
 *     blocks        0                1                  unpacked when an entry of theirs is wanted
 *     placeIds      0 0 0 1 1 2      2 2 3 0            an index into `places`
 *     starts        0 210 …          0 212 …            where the entry begins in its block
 */
import { corrupt } from '../base/errors.ts';
import { openAvroRecords } from './avro.ts';
import { avroSkipper, longAt, skipBytes, skipLong } from './avro-skip.ts';
import { type AvroType, fieldsOf } from './avro-types.ts';
import { postponedBucket } from './bucket.ts';
import { checkVersion, decodeEntry, type ManifestEntry, rowBytesMin } from './manifest.ts';

/** Where a data file belongs. */
export type ManifestPlace = Pick<ManifestEntry, 'partition' | 'bucket' | 'totalBuckets'>;

export type ManifestLines = {
  readonly entryCount: number;
  /** About how much memory it takes. */
  readonly bytes: number;
  /**
   * The entries of wanted places, in the file's order.
   *
   * @throws LakeError `corrupt` LAKE_CORRUPT_AVRO at an entry that is wrong
   */
  entries(isWanted?: (place: ManifestPlace) => boolean): Generator<ManifestEntry, void, undefined>;
};

type Block = { readonly placeIds: Int32Array; readonly starts: Int32Array };

const entryIndexBytes = 8;
const placeBytes = 200;
const intMax = 2 ** 31 - 1;
/** Of the record of an entry, in this order; files of others have them so, too, or are read whole. */
const placeFields: readonly string[] = ['_VERSION', '_KIND', '_PARTITION', '_BUCKET', '_TOTAL_BUCKETS'];
const placeTypes: readonly string[] = ['int', 'int', 'bytes', 'int', 'int'];

/**
 * @param where the file's name, for messages
 * @returns undefined: its entries begin in another way, and it must be decoded whole
 * @throws LakeError `corrupt` LAKE_CORRUPT_AVRO, `unsupported` for a codec or version that we do not know
 */
export function openManifestLines(bytes: Uint8Array, where: string): ManifestLines | undefined {
  const file = openAvroRecords(bytes, where);
  const skipRest = restSkipper(file.type);
  if (skipRest === undefined) return undefined;
  const places = new Places();
  const blocks: Block[] = [];
  let entryCount = 0;
  for (let index = 0; index < file.blockCount; index += 1) {
    const block = skim(file.block(index), { places, skipRest, where });
    blocks.push(block);
    entryCount += block.starts.length;
  }
  return {
    entryCount,
    bytes: bytes.length + entryCount * entryIndexBytes + places.all.length * placeBytes,
    *entries(isWanted = () => true) {
      const wanted = places.all.map(isWanted);
      for (const [index, { placeIds, starts }] of blocks.entries()) {
        const found = indexesOf(placeIds, wanted);
        if (found.length === 0) continue;
        const decode = file.decoderOf(index);
        for (const at of found) yield decodeEntry(decode(starts[at] ?? 0), where);
      }
    },
  };
}

function restSkipper(type: AvroType): ReturnType<typeof avroSkipper> {
  const fields = fieldsOf(type);
  const isOurs = placeFields.every((name, index) => fields[index]?.name === name);
  if (!isOurs || !placeTypes.every((name, index) => fields[index]?.type.typeName === name)) return undefined;
  const rest = fields.slice(placeFields.length).map(field => avroSkipper(field.type));
  if (!rest.every(skipper => skipper !== undefined)) return undefined;
  return (bytes, start) => rest.reduce((at, skip) => skip(bytes, at), start);
}

type Skimming = {
  readonly places: Places;
  readonly skipRest: (bytes: Uint8Array, at: number) => number;
  readonly where: string;
};

/** Arrays grow with what was passed over, not with what the block says of itself. */
function skim(block: { readonly recordCount: number; readonly bytes: Uint8Array }, skimming: Skimming): Block {
  const { places, skipRest, where } = skimming;
  const { bytes, recordCount } = block;
  const placeIds: number[] = [];
  const starts: number[] = [];
  let at = 0;
  try {
    for (let i = 0; i < recordCount; i += 1) {
      starts.push(at);
      const kindAt = skipLong(bytes, at);
      checkVersion(longAt(bytes, at), 'manifest');
      const placeAt = skipLong(bytes, kindAt);
      const bucketAt = skipBytes(bytes, placeAt);
      const totalAt = skipLong(bytes, bucketAt);
      const placeEnd = skipLong(bytes, totalAt);
      placeIds.push(places.idAt(bytes, { placeAt, bucketAt, totalAt, placeEnd }));
      at = skipRest(bytes, placeEnd);
    }
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw corrupt('LAKE_CORRUPT_AVRO', `${where}: ${cause.message}`, { cause });
  }
  if (at !== bytes.length) {
    throw corrupt('LAKE_CORRUPT_AVRO', `${where}: ${bytes.length - at} bytes after the last record of a block`);
  }
  return { placeIds: Int32Array.from(placeIds), starts: Int32Array.from(starts) };
}

function indexesOf(placeIds: Int32Array, wanted: readonly boolean[]): readonly number[] {
  const found: number[] = [];
  for (let index = 0; index < placeIds.length; index += 1) if (wanted[placeIds[index] ?? 0] === true) found.push(index);
  return found;
}

/** Where the fields of a place lie among the bytes of a block. */
type PlaceSpan = {
  readonly placeAt: number;
  readonly bucketAt: number;
  readonly totalAt: number;
  readonly placeEnd: number;
};

/** The places of a manifest by their bytes, which are the same for the same place. */
class Places {
  readonly all: ManifestPlace[] = [];
  readonly #ids = new Map<string, number>();
  /** Neighbours are often of one place. */
  #lastText = '';
  #lastBytes: Uint8Array = new Uint8Array();

  /** @throws RangeError when what lies there is no place */
  idAt(bytes: Uint8Array, span: PlaceSpan): number {
    const text = this.#textAt(bytes, span);
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    const { placeAt, bucketAt, totalAt } = span;
    // A copy, or the whole block would stay.
    const partition = bytes.slice(skipLong(bytes, placeAt), bucketAt);
    const [bucket, totalBuckets] = [longAt(bytes, bucketAt), longAt(bytes, totalAt)];
    if (partition.length < rowBytesMin) throw new RangeError(`a partition of ${partition.length} bytes`);
    if (bucket < postponedBucket || bucket > intMax) throw new RangeError(`bucket ${bucket}`);
    if (Math.abs(totalBuckets) > intMax) throw new RangeError(`${totalBuckets} buckets`);
    const id = this.all.length;
    this.all.push({ partition, bucket, totalBuckets });
    this.#ids.set(text, id);
    return id;
  }

  #textAt(bytes: Uint8Array, { placeAt, placeEnd }: PlaceSpan): string {
    const own = bytes.subarray(placeAt, placeEnd);
    if (Buffer.compare(own, this.#lastBytes) === 0) return this.#lastText;
    this.#lastBytes = own;
    this.#lastText = Buffer.from(own.buffer, own.byteOffset, own.length).toString('latin1');
    return this.#lastText;
  }
}
