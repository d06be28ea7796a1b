/**
 * A subscriber that trusts nothing: it keeps what each flight's last change was and notices every repeat and every gap.
 */
export type SubscriberFigures = {
  readonly snapshotRows: number;
  readonly liveChanges: number;
  readonly gaps: number;
  readonly repeats: number;
  /** Flights whose last change was seen. */
  readonly departed: number;
};

export class CheckingSubscriber {
  /** Of each flight: 0 nothing, 1 scheduled, 2 departed. */
  readonly #state: Uint8Array;
  #snapshotRows = 0;
  #liveChanges = 0;
  #gaps = 0;
  #repeats = 0;
  #departed = 0;

  constructor(flightCount: number) {
    this.#state = new Uint8Array(flightCount);
  }

  get figures(): SubscriberFigures {
    return {
      snapshotRows: this.#snapshotRows,
      liveChanges: this.#liveChanges,
      gaps: this.#gaps,
      repeats: this.#repeats,
      departed: this.#departed,
    };
  }

  take(change: { readonly row: { readonly flight: bigint; readonly status: string }; readonly phase: string }): void {
    const flight = Number(change.row.flight);
    const now = change.row.status === 'departed' ? 2 : 1;
    const before = this.#state[flight] ?? 0;
    if (change.phase === 'snapshot') this.#snapshotRows += 1;
    else this.#liveChanges += 1;
    // A live change of a flight must be the very next one.
    if (change.phase === 'log' && now <= before) this.#repeats += 1;
    if (change.phase === 'log' && now > before + 1) this.#gaps += 1;
    this.#state[flight] = now;
    if (now === 2 && before !== 2) this.#departed += 1;
  }
}
