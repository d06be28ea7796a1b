/**
 * The text of a place of a watch. It names what is watched, so that a place of one query is not taken for one of another:
 *
 * - `t.WATCH.SNAPSHOT.POINT`: in a table's history (RFC 0014), and up to which snapshot it was looked for changes that the log
 *   does not have;
 * - `a.WATCH.DIGEST`: an answer, by its rows.
 */
import { createHash } from 'node:crypto';
import { invalid } from '../../base/errors.ts';
import {
  decodeResumePoint,
  encodeResumePoint,
  type ResumePoint,
  tokenLengthMax,
} from '../../flow/read/resume-point.ts';

export type WatchPlace =
  | { readonly kind: 'table'; readonly point: ResumePoint; readonly snapshotId: number }
  | { readonly kind: 'answer'; readonly digest: string };

const headLengthMax = 64;

/** @param what all that makes it this watch and no other, as values of JSON */
export function watchName(what: unknown): string {
  return createHash('sha256').update(JSON.stringify(what)).digest('base64url').slice(0, 12);
}

/** undefined: it would be too long for a header. */
export function encodeWatchPlace(name: string, place: WatchPlace): string | undefined {
  if (place.kind === 'answer') return `a.${name}.${place.digest}`;
  const point = encodeResumePoint(place.point);
  return point === undefined ? undefined : `t.${name}.${place.snapshotId}.${point}`;
}

/** @throws LakeError `invalid` LAKE_BAD_RESUME when it is none of this watch */
export function decodeWatchPlace(name: string, text: string): WatchPlace {
  const parts = text.length > tokenLengthMax + headLengthMax ? [] : text.split('.');
  const [kind, of, third = '', point = ''] = parts;
  if (of === name && kind === 'a' && parts.length === 3 && /^[0-9a-f]{32}$/.test(third)) {
    return { kind: 'answer', digest: third };
  }
  if (of === name && kind === 't' && parts.length === 4 && /^\d{1,15}$/.test(third)) {
    return { kind: 'table', point: decodeResumePoint(point), snapshotId: Number(third) };
  }
  throw invalid(
    'LAKE_BAD_RESUME',
    'this is no place of this watch: give one that a watch of the same query, key and columns has given',
  );
}
