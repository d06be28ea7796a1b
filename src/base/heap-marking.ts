/**
 * When the engine begins to mark its heap. Two of its habits cost a program like this one, which has 20 MB of objects while buffers,
 * which are not in the heap, come and go:
 *
 * It begins as soon as what is left to the heap's limit is less than its young generation, which is always: it marks without
 * end, half of the processor time of a read. A flag has it begin when three quarters are used.
 *
 * It collects the whole heap for each 64 MB of buffers, six times in a merge of 1M rows. Another flag has it count buffers with the heap: it
 * then collects when both together have doubled. What the process holds grows by that, so this is not for one with little memory.
 */
import { totalmem } from 'node:os';
import { setFlagsFromString } from 'node:v8';

const softTriggerPercent = 75;
/** V8 of Node 22 and 24, which looks at the flag at run time; one that had it no more would complain on standard error. */
const engineMin = 12;
const engineMax = 13;
/** V8 of Node 24, the first that counts buffers when told to. */
const countingEngine = 13;
/** Left to itself the engine lets it grow to four times what lived. */
const growthPercent = 100;
/** A process that may have less is told nothing of buffers. */
const countingBytesMin = 2 * 1024 * 1024 * 1024;

/** Until then the modules that a first request needs are loaded: Node compiles those anew that it loads after a flag was changed. */
const delayMs = 500;

export type HeapOptions = {
  /** What the process may have; when not given, what its control group and the machine have. */
  readonly memoryBytes?: number | undefined;
};

/** Half a second from now. For a process of one's own, for it sets flags of the whole process. It keeps no process alive. */
export function markHeapLate({
  memoryBytes = bytesThere({ group: process.constrainedMemory(), machine: totalmem() }),
}: HeapOptions = {}): void {
  const flags = heapFlags(Number.parseInt(process.versions.v8, 10), memoryBytes);
  if (flags.length > 0) setTimeout(() => flags.forEach(flag => void setFlagsFromString(flag)), delayMs).unref();
}

/** What an engine of this number is told in a process that may have so much. */
export function heapFlags(engine: number, memoryBytes: number): readonly string[] {
  if (engine < engineMin || engine > engineMax) return [];
  const late = [`--incremental-marking-soft-trigger=${softTriggerPercent}`];
  if (engine < countingEngine || memoryBytes < countingBytesMin) return late;
  return [...late, '--external-memory-accounted-in-global-limit', `--heap-growing-percent=${growthPercent}`];
}

/** What a control group allows of what the machine has: 0 where Node knows of no bound, and far more than there is where it has none. */
export function bytesThere({ group, machine }: { readonly group: number; readonly machine: number }): number {
  return group > 0 ? Math.min(group, machine) : machine;
}
