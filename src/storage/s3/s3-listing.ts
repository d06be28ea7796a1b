import type { ListObjectsV2CommandInput, ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { invalid } from '../../base/errors.ts';
import { canBeginKey, compareKeys, isObjectKey } from '../object-key.ts';
import type { ListedObject, ListOptions } from '../object-store.ts';
import { storeUnavailable } from '../store-errors.ts';

/** The pages of ListObjectsV2, in the words of the port. */

export function listRequest(
  bucket: string,
  page: { readonly prefix: string; readonly token: string | undefined; readonly options: ListOptions | undefined },
): ListObjectsV2CommandInput {
  const { prefix, token, options } = page;
  // Some S3s refuse prefixes that no key has, and we still need an answer for its Date.
  if (!canBeginKey(prefix)) return { Bucket: bucket, Prefix: '', MaxKeys: 1, EncodingType: 'url' };
  return {
    Bucket: bucket,
    Prefix: prefix,
    // XML cannot hold every character a key can.
    EncodingType: 'url',
    ...(token === undefined ? {} : { ContinuationToken: token }),
    ...(options?.startAfter === undefined ? {} : { StartAfter: options.startAfter }),
    ...(options?.pageKeysMax === undefined ? {} : { MaxKeys: options.pageKeysMax }),
  };
}

/**
 * The objects of a page. Keys that are none of ours (folder markers of other tools) are left out.
 *
 * @param after the last key of the page before
 * @throws LakeError `invalid` LAKE_STORE_LIST_ORDER when the store does not list in order of UTF-8 bytes
 */
export function listedObjects(
  where: string,
  page: { readonly prefix: string; readonly output: ListObjectsV2CommandOutput; readonly after: string | undefined },
): ListedObject[] {
  const objects: ListedObject[] = [];
  if (!canBeginKey(page.prefix)) return objects;
  let previous = page.after;
  for (const { Key: encoded, Size: sizeBytes, LastModified: lastModified } of page.output.Contents ?? []) {
    if (encoded === undefined || sizeBytes === undefined || lastModified === undefined) {
      throw storeUnavailable(where, 'a listed object lacks its key, size or time');
    }
    const key = page.output.EncodingType === 'url' ? decodeKey(where, encoded) : encoded;
    if (previous !== undefined && compareKeys(previous, key) >= 0) throw outOfOrder(where, { previous, key });
    previous = key;
    if (isObjectKey(key)) objects.push({ key, sizeBytes, lastModifiedMs: lastModified.getTime() });
  }
  return objects;
}

function decodeKey(where: string, encoded: string): string {
  try {
    return decodeURIComponent(encoded.replaceAll('+', ' '));
  } catch (error) {
    throw storeUnavailable(where, error);
  }
}

function outOfOrder(where: string, keys: { readonly previous: string; readonly key: string }): Error {
  return invalid(
    'LAKE_STORE_LIST_ORDER',
    `${where}: the store lists ${JSON.stringify(keys.key)} after ${JSON.stringify(keys.previous)}; ` +
      'use a store that lists keys in the order of their bytes (S3 Express buckets do not)',
  );
}
