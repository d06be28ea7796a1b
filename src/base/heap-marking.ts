/**
 * When the engine begins to mark its heap. V8 begins as soon as what is left to the heap's limit is less than its young generation;
 * with the 20 MB of objects that this program has that is at once, so that it marks without end while buffers, which are
 * not in the heap, come and go: half of the processor time of a read. A flag has it begin when three quarters are used.
 * The limit itself, and the engine's own bound for buffers, stay as they are.
 */
import { setFlagsFromString } from 'node:v8';

const softTriggerPercent = 75;
/** V8 of Node 22 to 26 has the flag and looks at it at run time; one that has not writes a complaint to standard error. */
const engineMin = 12;
const engineMax = 14;

/**
 * For a process of one's own: it sets a flag of the whole process. Not before the modules that it needs are loaded, since Node
 * compiles those anew that it loads after a flag was changed (20 ms for its HTTP client).
 */
export function markHeapLate(): void {
  const engine = Number.parseInt(process.versions.v8, 10);
  if (engine >= engineMin && engine <= engineMax) {
    setFlagsFromString(`--incremental-marking-soft-trigger=${softTriggerPercent}`);
  }
}
