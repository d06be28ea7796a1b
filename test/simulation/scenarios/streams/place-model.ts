/**
 * What a reader must have at a place. A place names positions of the log's shards, or a snapshot, whose ingest state names them;
 * from there on it is the model of the log (log-model.ts) that tells what is in it.
 */
import { tablePath } from '../../../../src/catalog/identifier.ts';
import { decodeState } from '../../../../src/flow/ingest/state.ts';
import type { ResumePoint } from '../../../../src/flow/read/resume-point.ts';
import { stateObjectProperty, stateProperty, tableObjectKey } from '../../../../src/table/table-objects.ts';
import { identifierOf, type LakeBench } from '../lake/bench.ts';
import type { RecordPlace } from '../lake/log-model.ts';

export type Positions = ReadonlyMap<string, bigint>;

/** Whether a record is at or below a place. `unknown`: the table and the log have forgotten its shard. */
export type Standing = 'below' | 'above' | 'unknown';

const minuteMs = 60_000;

export class PlaceModel {
  readonly #bench: LakeBench;
  readonly #tableName: string;
  readonly #snapshots = new Map<number, Positions>();

  constructor(bench: LakeBench, tableName: string) {
    this.#bench = bench;
    this.#tableName = tableName;
    const prefix = `${tablePath(identifierOf(tableName))}/snapshot/snapshot-`;
    bench.world.watch({
      stored: (key, bytes) => {
        if (key.startsWith(prefix)) this.#note(Number(key.slice(prefix.length)), bytes);
      },
    });
  }

  positionsOf(point: ResumePoint): Positions {
    if (point.log !== undefined) return point.log.positions;
    const positions = point.snapshotId === 0 ? new Map<string, bigint>() : this.#snapshots.get(point.snapshotId);
    this.#bench.world.check(
      positions !== undefined,
      () => `a place names snapshot ${point.snapshotId}, which never was`,
    );
    return positions ?? new Map();
  }

  /** @param positions everything up to them was given */
  standingOf({ shardId, position, arrivalMs }: RecordPlace, positions: Positions): Standing {
    // Records of children are read when their parents have been read to their ends, whatever is still said of these.
    const { model } = this.#bench;
    const isParent = [...positions].some(([id, at]) => model.hasBegun(id, at) && this.#isChild(id, shardId));
    if (isParent) return 'below';
    const known = positions.get(shardId);
    if (known !== undefined) return position <= known ? 'below' : 'above';
    const { retentionMs } = this.#bench.settings;
    const ageMs = this.#bench.world.scheduler.nowMs - arrivalMs;
    return retentionMs === undefined || ageMs < retentionMs - minuteMs ? 'above' : 'unknown';
  }

  /**
   * Since when the log has had something that is not below a place, ms. Records of other tables count: a snapshot names how far
   * its table's ingest has read the log, whosever records it passed, so a place below such records is before that snapshot.
   */
  lagMs(point: ResumePoint): number {
    const positions = this.positionsOf(point);
    const { model, world } = this.#bench;
    model.catchUp();
    const above = model.records.filter(record => this.standingOf(record, positions) !== 'below');
    return Math.max(0, ...above.map(({ arrivalMs }) => world.scheduler.nowMs - arrivalMs));
  }

  #isChild(shardId: string, of: string): boolean {
    return this.#bench.model.parentsOf(shardId).some(parent => parent === of || this.#isChild(parent, of));
  }

  /** The first that comes at a number is the one; a latecomer fills one again that has expired. */
  #note(id: number, bytes: Uint8Array): void {
    if (this.#snapshots.has(id)) return;
    const json: { readonly properties?: Readonly<Record<string, string>> } = JSON.parse(
      new TextDecoder().decode(bytes),
    );
    const text = this.#stateText(json.properties ?? {});
    const shards = text === undefined ? [] : [...decodeState(text, `snapshot ${id}`).shards];
    this.#snapshots.set(id, new Map(shards.map(([shardId, { position }]) => [shardId, position])));
  }

  #stateText(properties: Readonly<Record<string, string>>): string | undefined {
    const name = properties[stateObjectProperty];
    if (name === undefined) return properties[stateProperty];
    const key = tableObjectKey({ path: tablePath(identifierOf(this.#tableName)) }, name);
    return new TextDecoder().decode(this.#bench.world.objects.get(key)?.bytes);
  }
}
