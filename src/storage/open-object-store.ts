import { fileURLToPath } from 'node:url';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { addressText } from './address-text.ts';
import { probeConditionalPut } from './conditional-put-probe.ts';
import { type LocalStoreSettings, openLocalObjectStore } from './local/local-object-store.ts';
import { MemoryObjectStore } from './memory/memory-object-store.ts';
import type { ObjectStore } from './object-store.ts';
import { prefixedObjectStore } from './prefixed-object-store.ts';
import type { S3StoreSettings } from './s3/s3-settings.ts';
import { badStoreSettings } from './store-errors.ts';

/** From an address and settings to a store: the one place that knows which drivers there are. */

export type ObjectStoreSettings = {
  readonly local?: Omit<LocalStoreSettings, 'root'> | undefined;
  readonly s3?:
    | (Omit<S3StoreSettings, 'bucket'> & { readonly conditionalPutProbe?: ProbeChoice | undefined })
    | undefined;
};

/** When to prove that conditional PUT works; `auto` does so unless it is AWS's own S3, which is known to. */
export type ProbeChoice = 'auto' | 'always' | 'never';

export type ObjectStoreComponents = { readonly clock: Clock; readonly random: Random };

/**
 * Opens an object store by its address:
 * - `file:./lake`, `file:/data/lake`, `file:///data/lake` (a URL, so percent-encoded), or a plain path: a folder;
 * - `s3://bucket` or `s3://bucket/prefix`: a bucket, or a part of it;
 * - `memory:NAME`: memory of this process; stores of one name are the same store.
 *
 * @throws LakeError `invalid`: LAKE_BAD_SETTINGS, LAKE_STORE_NOT_FOUND, LAKE_STORE_DENIED, LAKE_STORE_NO_LINK,
 *   LAKE_STORE_NO_CONDITIONAL_PUT; `unavailable` when the store does not answer
 */
export async function openObjectStore(
  uri: string,
  settings: ObjectStoreSettings,
  components: ObjectStoreComponents,
): Promise<ObjectStore> {
  const address = parseStoreUri(uri);
  switch (address.kind) {
    case 'local':
      return await openLocalObjectStore({ root: address.root, ...settings.local }, components);
    case 'memory':
      return memoryStore(address.name, components.clock);
    default:
      return await openS3(address, settings.s3 ?? {}, components);
  }
}

export type StoreAddress =
  | { readonly kind: 'local'; readonly root: string }
  | { readonly kind: 'memory'; readonly name: string }
  | { readonly kind: 's3'; readonly bucket: string; readonly folder: string };

/** @throws LakeError `invalid` LAKE_BAD_SETTINGS when it is no address of a store */
export function parseStoreUri(uri: string): StoreAddress {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]+):/.exec(uri)?.[1]?.toLowerCase();
  const rest = scheme === undefined ? uri : uri.slice(scheme.length + 1);
  switch (scheme) {
    case undefined:
      return localAddress(uri, uri);
    case 'file':
      return localAddress(uri, rest);
    case 'memory':
      return { kind: 'memory', name: rest };
    case 's3':
      return s3Address(uri, rest);
    default:
      throw badStoreSettings(
        `store address ${addressText(uri)}: ${scheme}: is not known; use a folder, file:PATH, s3://bucket/prefix or memory:NAME`,
      );
  }
}

function localAddress(uri: string, path: string): StoreAddress {
  if (path === '' || path.includes('\0')) throw badStoreSettings(`store address ${addressText(uri)}: names no folder`);
  if (!path.startsWith('//')) return { kind: 'local', root: path };
  try {
    return { kind: 'local', root: fileURLToPath(`file:${path}`) };
  } catch {
    // Without the cause, which repeats the address.
    throw badStoreSettings(`store address ${addressText(uri)}: is not a file URL of this machine`);
  }
}

function s3Address(uri: string, rest: string): StoreAddress {
  const place = s3PlaceOf(rest);
  if (place === undefined) {
    throw badStoreSettings(`store address ${addressText(uri)}: must be s3://bucket or s3://bucket/prefix`);
  }
  return { kind: 's3', ...place };
}

/** Of `//bucket/prefix`; undefined when it is none. */
export function s3PlaceOf(rest: string): { readonly bucket: string; readonly folder: string } | undefined {
  const match = /^\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/s.exec(rest);
  if (match?.[1] === undefined) return undefined;
  return { bucket: match[1], folder: (match[2] ?? '').replace(/^\/+|\/+$/g, '') };
}

async function openS3(
  address: Extract<StoreAddress, { kind: 's3' }>,
  settings: NonNullable<ObjectStoreSettings['s3']>,
  components: ObjectStoreComponents,
): Promise<ObjectStore> {
  // Loaded when it is wanted: the AWS SDK is most of what a short command would load.
  const { openS3ObjectStore } = await import('./s3/s3-object-store.ts');
  const bucketStore = await openS3ObjectStore({ ...settings, bucket: address.bucket }, components);
  try {
    const store = prefixedObjectStore(bucketStore, address.folder);
    const choice = settings.conditionalPutProbe ?? 'auto';
    const probed = choice === 'always' || (choice === 'auto' && settings.endpoint !== undefined);
    if (probed) await probeConditionalPut(store, components.random);
    return store;
  } catch (error) {
    await bucketStore[Symbol.asyncDispose]();
    throw error;
  }
}

/** Memory stores live as long as the process, so that one part of it finds what another put. */
const memoryStores = new Map<string, MemoryObjectStore>();

function memoryStore(name: string, clock: Clock): MemoryObjectStore {
  const store = memoryStores.get(name) ?? new MemoryObjectStore(`memory:${name}`, clock);
  memoryStores.set(name, store);
  return store;
}
