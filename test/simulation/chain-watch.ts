/**
 * Watches a line of snapshots as they come to the store: numbers without a hole, each naming the one before as its parent.
 * What comes at a number that is taken and has expired is a latecomer's, in no chain.
 */
import { Violation, type Watcher } from './world.ts';

/** What is read of a snapshot file, by this code alone. */
export type SeenSnapshot = {
  readonly id: number;
  /** The name of its delta list. */
  readonly identity: string;
  readonly parent: string;
  readonly user: string;
  readonly identifier: number;
  readonly properties: Readonly<Record<string, string>>;
};

/** A snapshot by what tells it from every other. */
export type ChainedSnapshot = { readonly id: number; readonly deltaManifestList: string };

export class ChainWatch implements Watcher {
  readonly #prefix: string;
  readonly #onLink: (snapshot: SeenSnapshot) => void;
  /** By id; 0 stands for the empty table. */
  readonly #identities: string[] = [''];
  #voids = 0;

  /**
   * @param metaPath where the line's folder `snapshot` lies
   * @param start of a branch: the snapshot it begins with
   */
  constructor(metaPath: string, onLink: (snapshot: SeenSnapshot) => void, start?: ChainedSnapshot) {
    this.#prefix = `${metaPath}/snapshot/snapshot-`;
    this.#onLink = onLink;
    if (start !== undefined) this.#identities[start.id] = start.deltaManifestList;
  }

  get headId(): number {
    return this.#identities.length - 1;
  }

  /** Snapshot files that came too late. */
  get voids(): number {
    return this.#voids;
  }

  has(snapshot: ChainedSnapshot): boolean {
    return this.#identities[snapshot.id] === snapshot.deltaManifestList;
  }

  readonly stored = (key: string, bytes: Uint8Array): void => {
    if (!key.startsWith(this.#prefix)) return;
    const snapshot = readSnapshot(Number(key.slice(this.#prefix.length)), bytes);
    const { id, identity, parent } = snapshot;
    check(id <= this.headId + 1, () => `${key} came where the head is ${this.headId}`);
    const known = this.#identities[id];
    if (known !== undefined) {
      // Put back by expiry, or a latecomer's.
      if (known !== identity) this.#voids += 1;
      return;
    }
    const isLinked = id === 1 || isForeign(snapshot) || parent === this.#identities[id - 1];
    check(isLinked, () => `${key} names another parent than snapshot ${id - 1}`);
    this.#identities.push(identity);
    this.#onLink(snapshot);
  };
}

/** What another engine wrote links by its number alone. */
function isForeign({ properties }: SeenSnapshot): boolean {
  return !Object.keys(properties).some(key => key.startsWith('tidelake.'));
}

function readSnapshot(id: number, bytes: Uint8Array): SeenSnapshot {
  const json: Readonly<Record<string, unknown>> = JSON.parse(new TextDecoder().decode(bytes));
  const properties = (json['properties'] ?? {}) as Readonly<Record<string, string>>;
  return {
    id,
    identity: String(json['deltaManifestList']),
    parent: properties['tidelake.parent'] ?? '',
    user: String(json['commitUser']),
    identifier: Number(json['commitIdentifier']),
    properties,
  };
}

function check(holds: boolean, what: () => string): void {
  if (!holds) throw new Violation(what());
}
