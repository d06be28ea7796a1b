/** Pieces of text as the body of an answer: made when they are wanted, given up when nobody wants them. */

/**
 * A piece is asked for when the reader has taken the one before, so a slow reader slows who makes them, and no more than
 * one waits.
 *
 * @param first already made
 * @param abandon called when nobody reads any more, before `pieces` are ended
 */
export function bodyOfPieces(
  first: IteratorResult<string, void>,
  pieces: AsyncGenerator<string, void, undefined>,
  abandon: () => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let made: IteratorResult<string, void> | undefined = first;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = made ?? (await pieces.next());
        made = undefined;
        if (done === true) controller.close();
        else controller.enqueue(encoder.encode(value));
      },
      async cancel() {
        abandon();
        await pieces.return();
      },
    },
    { highWaterMark: 0 },
  );
}
