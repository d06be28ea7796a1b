/** A new version of a table's schema, made so that of two who want its number one wins. */
import type { Clock } from '../base/clock.ts';
import { invalid, LakeError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { backoffMs } from '../base/retry.ts';
import { jsonBytesMax } from '../format/metadata-limits.ts';
import { decodeSchema, encodeSchema, type TableSchema } from '../format/table-schema.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { WorkMemory } from '../table/work-memory.ts';

export type CatalogParts = {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly workMemory?: WorkMemory | undefined;
  /** Opens the log that a table to be made names: one that cannot be opened makes no table. */
  readonly logs?: { readonly open: (name: string) => Promise<unknown> } | undefined;
};

/** Key of the extra field that names the attempt which wrote a schema file. */
const attemptKey = 'tidelake.attempt';
const answersMax = 20;
const backoff = { delayMsMin: 20, delayMsMax: 2_000 };

/**
 * Makes a schema version so, once: `schema-{id}` by put-if-absent (DESIGN A1). A lost answer is told from a lost race by
 * the attempt id inside.
 *
 * @param schemaFolder key prefix `db.db/t/schema`
 * @returns `lost` when another's version has the number
 * @throws LakeError `unavailable` LAKE_SCHEMA_UNKNOWN when no answer came in 20 tries: it may have happened
 */
export async function publishSchema(
  parts: CatalogParts,
  schemaFolder: string,
  schema: TableSchema,
): Promise<{ readonly status: 'won'; readonly schema: TableSchema } | { readonly status: 'lost' }> {
  const attempt = parts.random.uuid();
  const stamped: TableSchema = { ...schema, extra: { ...schema.extra, [attemptKey]: attempt } };
  const key = `${schemaFolder}/schema-${schema.id}`;
  const bytes = encodeSchema(stamped);
  // What nobody would read again must not be written: the table could not be opened any more.
  if (bytes.byteLength > jsonBytesMax) {
    throw invalid('LAKE_BAD_SCHEMA', `${key} would have ${bytes.byteLength} bytes, at most ${jsonBytesMax}`);
  }
  let unanswered: unknown;
  for (let tries = 0; tries < answersMax; tries += 1) {
    const outcome = await parts.store.putIfAbsent(key, bytes);
    if (outcome.status === 'created') return { status: 'won', schema: stamped };
    if (outcome.status === 'exists') {
      if (unanswered === undefined) return { status: 'lost' };
      const there = await parts.store.get(key, { bytesMax: jsonBytesMax });
      const ours = there !== undefined && decodeSchema(there.bytes, key).extra[attemptKey] === attempt;
      return ours ? { status: 'won', schema: stamped } : { status: 'lost' };
    }
    unanswered = outcome.cause;
    await parts.clock.sleep(backoffMs(tries, parts.random, backoff));
  }
  throw new LakeError(
    'unavailable',
    'LAKE_SCHEMA_UNKNOWN',
    `${parts.store.uri}: no answer to writing ${key} in ${answersMax} tries; it may or may not be there: look, then try again`,
    { cause: unanswered },
  );
}
