/** Telling whoever watches how long the phases of a piece of work take. */

/** What is known of a phase: which table, which shard, which snapshot. */
export type SpanNotes = Readonly<Record<string, string | number>>;

export type Spans = {
  /**
   * Runs the work as a phase. Nothing depends on whether anybody watches, and what the work throws is thrown.
   *
   * @param work gets a function for what is known only when it has got on
   */
  readonly run: <T>(
    phase: string,
    notes: SpanNotes,
    work: (note: (notes: SpanNotes) => void) => Promise<T>,
  ) => Promise<T>;
};

/** Nobody watches. */
export const noSpans: Spans = { run: (_phase, _notes, work) => work(() => undefined) };
