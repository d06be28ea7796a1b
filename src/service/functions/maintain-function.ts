/** The maintain function: checkpoints of the log; expiry, hints, orphans and aged claims of every table (DESIGN 2.6). */
import * as z from 'zod';
import { invalid } from '../../base/errors.ts';
import { type MaintainedParts, maintainLake } from '../maintain-lake.ts';
import { logAddress } from '../settings.ts';
import {
  type FunctionParts,
  type Metered,
  meteredInvocation,
  openFunctionLog,
  openFunctionParts,
  withNamedLogs,
} from './function-parts.ts';
import type { Report } from './telemetry.ts';
import { type InvocationContext, timeLimit } from './time-limit.ts';

export type MaintainParts = Omit<FunctionParts, keyof Metered> & Metered & Pick<MaintainedParts, 'log' | 'logs'>;

/** How often a schedule calls, and so how long the window is in which one call of the day looks for orphans. */
const scheduleMs = 600_000;
const orphansAtMsOfDay = 3 * 3_600_000;
const dayMs = 86_400_000;
const margins = { finishMs: 30_000, answerMs: 10_000 };

const eventSchema = z.object({
  time: z.iso.datetime().optional(),
  /** By hand: does it now, whatever the time. */
  orphans: z.enum(['remove', 'dry-run', 'skip']).optional(),
});

export type MaintainRequest = { readonly orphans: 'remove' | 'dry-run' | 'skip' };

export type MaintainFigures = {
  readonly tables: number;
  readonly snapshotsExpired: number;
  readonly filesRemoved: number;
  readonly orphansRemoved: number;
  readonly claimsRemoved: number;
  /** Shards whose checkpoint was behind what their tables have taken. */
  readonly checkpointsAdvanced: number;
  /** Shards with records that some table has not taken yet. */
  readonly shardsBehind: number;
  /** What was left for the next time, and why. */
  readonly givenUp: readonly string[];
};

/** A schedule's event (EventBridge) or one made by hand. @throws LakeError `invalid` LAKE_BAD_EVENT */
export function parseMaintainEvent(event: unknown): MaintainRequest {
  const parsed = eventSchema.safeParse(event ?? {});
  if (!parsed.success) throw invalid('LAKE_BAD_EVENT', `no event of a schedule: ${z.prettifyError(parsed.error)}`);
  const { time, orphans } = parsed.data;
  if (orphans !== undefined) return { orphans };
  const msOfDay = time === undefined ? 0 : Date.parse(time) % dayMs;
  const isTheOne = msOfDay >= orphansAtMsOfDay && msOfDay < orphansAtMsOfDay + scheduleMs;
  return { orphans: isTheOne ? 'remove' : 'skip' };
}

export async function openMaintainFunction(): Promise<MaintainParts> {
  const parts = await openFunctionParts('maintenance');
  const log = logAddress(parts.settings) === undefined ? undefined : await openFunctionLog(parts);
  return withNamedLogs(parts, log);
}

/** One round. What its time does not suffice for is the next round's. @throws LakeError when the warehouse cannot be read */
export async function maintain(
  parts: MaintainParts,
  request: MaintainRequest,
  context: InvocationContext,
): Promise<MaintainFigures> {
  await using _metered = meteredInvocation(parts);
  await using limit = timeLimit(parts.clock, context, margins);
  const receipt = await maintainLake(parts, { ...request, signal: limit.signal });
  const { advanced, behind, end: checkpointsEnd } = receipt.checkpoints;
  const lines = receipt.tables.flatMap(table => table.lines);
  const sum = (counts: readonly number[]): number => counts.reduce((all, count) => all + count, 0);
  return {
    tables: receipt.tables.length,
    snapshotsExpired: sum(lines.map(({ expiry }) => expiry.expiredCount)),
    filesRemoved: sum(lines.map(({ expiry }) => expiry.data.fileCount + expiry.metadata.fileCount)),
    orphansRemoved: sum([...receipt.tables.map(({ orphans }) => orphans?.removed.fileCount ?? 0)]),
    claimsRemoved: receipt.claims.removed.fileCount,
    checkpointsAdvanced: advanced,
    shardsBehind: behind,
    givenUp: [
      { label: 'checkpoints', end: checkpointsEnd },
      ...receipt.tables,
      ...receipt.dropped.map(end => ({ label: end.label, end })),
      { label: 'claims', end: receipt.claims },
      ...(receipt.ledger === undefined ? [] : [{ label: 'ledger', end: receipt.ledger.end }]),
    ].flatMap(({ label, end }) => (end.status === 'given-up' ? [`${label}: ${end.code}: ${end.cause}`] : [])),
  };
}

/** What an invocation says of itself. */
export function maintainReport(figures: MaintainFigures): Report {
  const { givenUp } = figures;
  return { fields: figures, metrics: { FailedTables: givenUp.length }, hasTrouble: givenUp.length > 0 };
}
