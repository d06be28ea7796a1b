/** Limits of requests to the catalog function, just under and just over. */
import { equal } from 'node:assert/strict';
import { systemRandom } from '../../src/base/random.ts';
import { decodeResumePoint, tokenLengthMax } from '../../src/flow/read/resume-point.ts';
import { t } from '../../src/service/column-types.ts';
import { catalogApp } from '../../src/service/http/catalog-app.ts';
import { catalogPartsOf } from '../../src/service/http/catalog-parts.ts';
import { openLake } from '../../src/service/lake.ts';
import { openLakeParts } from '../../src/service/lake-parts.ts';
import { HeldAnswer } from '../../src/service/watch/held-answer.ts';
import { watchLimitsDefault } from '../../src/service/watch/watched-part.ts';
import { buildBatch } from '../../src/types/column-builder.ts';
import { constant, expectEdge, mib, outcomeOf, type Trials } from './limit-tools.ts';

type Ask = (path: string, init?: { readonly body: string }) => Promise<string>;

/** On a lake with `db.t (k BIGINT)`, and `db.wide` of so many columns, whose rows go to buckets by the first, and which adopts more. */
async function withCatalog(columnCount: number, trial: (ask: Ask) => Promise<void>): Promise<void> {
  const address = `memory:limits-${systemRandom.uuid()}`;
  await using lake = await openLake({ warehouse: address, log: address });
  await lake.createTable('db.t', { columns: { k: t.bigint() } });
  const names = Array.from({ length: columnCount }, (_, index) => [`c${index}`, t.bigint().nullable()] as const);
  const options = { bucket: '8', 'bucket-key': 'c0', 'schema.evolution': 'adopt' };
  await lake.createTable('db.wide', { columns: Object.fromEntries(names), options });
  await using parts = await openLakeParts({ warehouse: address, log: address });
  const app = catalogApp(async () => catalogPartsOf({ ...parts, purpose: 'read' }, parts.log));
  await trial(async (path, init) => {
    const request = new Request(`https://lake${path}`, {
      ...(init === undefined ? {} : { method: 'POST', body: Buffer.from(init.body) }),
      headers: { 'content-type': 'application/x-ndjson' },
    });
    const context = { getRemainingTimeInMillis: () => 60_000 };
    const response = await app.fetch(request, { context, requestId: 'trial', report: () => undefined });
    const answer = (await response.json()) as { readonly error?: { readonly code: string } };
    return answer.error?.code ?? 'taken';
  });
}

const lines = (count: number, row: string): string => `{"op":"+I","row":${row}}\n`.repeat(count);

/** A row of `db.wide` with so many columns that it does not have. */
function bringing(ask: Ask, columnCount: number): Promise<string> {
  const others = Array.from({ length: columnCount }, (_, index) => [`n${index}`, 1] as const);
  const row = { c0: '0', ...Object.fromEntries(others) };
  return ask('/v1/tables/db.wide/rows', { body: lines(1, JSON.stringify(row)) });
}

/** What becomes of an answer of rows, each of a text of so many bytes beside what a row costs. */
function watched(rowCount: number, textBytes: number): Promise<string> {
  return outcomeOf(async () => {
    const type = { kind: 'varchar', length: 2 ** 31 - 1, nullable: false } as const;
    const rowType = { fields: [{ id: 0, name: 'a', type, description: undefined, defaultValue: undefined }] };
    const batches = (async function* () {
      for (let row = 0; row < rowCount; row += 1_000) {
        const texts = Array.from({ length: Math.min(1_000, rowCount - row) }, (_, n) => [
          `${row + n}`.padEnd(textBytes, 'x'),
        ]);
        yield buildBatch(rowType, texts);
      }
    })();
    const shape = { key: [], columns: ['a'], limits: watchLimitsDefault, label: 'a trial' };
    await new HeldAnswer(shape).take(rowType, batches);
  });
}

export const httpTrials: Trials = {
  watchRowsMax: async () => {
    equal(await watched(100_000, 8), 'taken');
    equal(await watched(100_001, 8), 'LAKE_WATCH_TOO_LARGE');
  },
  watchBytesMax: async () => {
    // 64 rows of 1 MiB each, with what a row costs beside its text, `{"a":"…"}`.
    const most = mib - 120 - 8;
    equal(await watched(64, most), 'taken');
    equal(await watched(64, most + 1), 'LAKE_WATCH_TOO_LARGE');
  },
  requestRowsMax: () =>
    withCatalog(1, async ask => {
      const rows = (count: number): Promise<string> => ask('/v1/tables/db.t/rows', { body: lines(count, '{"k":"1"}') });
      equal(await rows(constant('requestRowsMax')), 'taken');
      equal(await rows(constant('requestRowsMax') + 1), 'LAKE_REQUEST_TOO_LARGE');
    }),
  requestRowsBytesMax: () =>
    withCatalog(1_024, async ask => {
      // Spread over buckets, since what goes to one of them has a lower limit.
      const rows = (count: number): Promise<string> => {
        const body = Array.from({ length: count }, (_, row) => `{"op":"+I","row":{"c0":"${row}"}}\n`).join('');
        return ask('/v1/tables/db.wide/rows', { body });
      };
      // Each column of a row counts eight bytes, also one that is null.
      const count = constant('requestRowsBytesMax') / (8 * 1_024);
      equal(await rows(count), 'taken');
      equal(await rows(count + 1), 'LAKE_REQUEST_TOO_LARGE');
    }),
  requestColumnsMax: () =>
    withCatalog(1, async ask => {
      equal(await bringing(ask, constant('requestColumnsMax')), 'taken');
      equal(await bringing(ask, constant('requestColumnsMax') + 1), 'LAKE_REQUEST_TOO_LARGE');
    }),
  adoptedColumnsMax: () =>
    withCatalog(constant('adoptedColumnsMax') - 1, async ask => {
      equal(await bringing(ask, 1), 'taken');
      equal(await bringing(ask, 2), 'LAKE_BAD_VALUE');
    }),
  tokenLengthMax: async () => {
    // Base64 of so many bytes.
    const token = (length: number): string => {
      const point = JSON.stringify({ v: 1, t: 'table', s: 1 });
      return Buffer.from(point.padEnd((length * 3) / 4)).toString('base64url');
    };
    const longest = token(tokenLengthMax);
    equal(longest.length, tokenLengthMax);
    await expectEdge(
      'LAKE_BAD_RESUME',
      () => decodeResumePoint(longest),
      () => decodeResumePoint(token(tokenLengthMax + 4)),
    );
  },
  pageSnapshotsMax: () =>
    withCatalog(1, async ask => {
      const page = (limit: number): Promise<string> => ask(`/v1/tables/db.t/snapshots?limit=${limit}`);
      equal(await page(constant('pageSnapshotsMax')), 'taken');
      equal(await page(constant('pageSnapshotsMax') + 1), 'LAKE_BAD_REQUEST');
    }),
};
