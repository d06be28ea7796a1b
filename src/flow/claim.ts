/**
 * Claim checks (DESIGN L3): a body too large for a record lies in the object store, and the record names it with its
 * length and hash. The log stays the only order. Nobody removes a claim but age.
 */
import { createHash } from 'node:crypto';
import { corrupt } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { checkedFileName } from '../format/file-name.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { type LogClaim, recordBodyBytesMax } from './log-record.ts';

export const claimFolder = 'tidelake/claims';

export async function writeClaim(
  parts: { readonly store: ObjectStore; readonly random: Random },
  body: Uint8Array,
): Promise<LogClaim> {
  const name = `claim-${parts.random.uuid()}`;
  await parts.store.put(`${claimFolder}/${name}`, body);
  return { name, sizeBytes: body.length, sha256: sha256(body) };
}

/** @throws LakeError `corrupt` LAKE_CLAIM_MISSING, LAKE_CLAIM_CORRUPT, LAKE_OBJECT_TOO_LARGE */
export async function readClaim(store: ObjectStore, claim: LogClaim): Promise<Uint8Array> {
  const key = claimKey(claim);
  const object = await store.get(key, { bytesMax: recordBodyBytesMax });
  if (object === undefined)
    throw corrupt('LAKE_CLAIM_MISSING', `${store.uri}: ${key}, named by a log record, is not there`);
  if (object.bytes.length !== claim.sizeBytes || sha256(object.bytes) !== claim.sha256) {
    throw corrupt('LAKE_CLAIM_CORRUPT', `${store.uri}: ${key} is not what the log record that names it says`);
  }
  return object.bytes;
}

/** @throws LakeError `corrupt` LAKE_CLAIM_CORRUPT */
export function claimKey({ name }: Pick<LogClaim, 'name'>): string {
  return `${claimFolder}/${checkedFileName(name, { code: 'LAKE_CLAIM_CORRUPT', where: 'claim of a log record' })}`;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
