/**
 * When the engine begins to mark its heap. V8 begins as soon as what is left to the heap's limit is less than its young generation;
 * with the 20 MB of objects that this program has that is at once, so that it marks without end while buffers, which are
 * not in the heap, come and go: half of the processor time of a read. A flag has it begin when three quarters are used.
 * The limit itself, and the engine's own bound for buffers, stay as they are.
 */
import { setFlagsFromString } from 'node:v8';

const softTriggerPercent = 75;
/** V8 of Node 22 and 24, which looks at the flag at run time; one that had it no more would complain on standard error. */
const engineMin = 12;
const engineMax = 13;

/** Until then the modules that a first request needs are loaded: Node compiles those anew that it loads after a flag was changed. */
const delayMs = 500;

/** Half a second from now. For a process of one's own, for it sets a flag of the whole process. It keeps no process alive. */
export function markHeapLate(): void {
  const engine = Number.parseInt(process.versions.v8, 10);
  if (engine < engineMin || engine > engineMax) return;
  setTimeout(() => setFlagsFromString(`--incremental-marking-soft-trigger=${softTriggerPercent}`), delayMs).unref();
}
