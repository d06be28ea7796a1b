/** The shape of a table's LSM, from its system table `$files`. */
import type { LevelPicture } from './report.ts';
import type { FlightTable } from './stream.ts';

type FileRow = {
  readonly bucket: number;
  readonly level: number;
  readonly record_count: bigint;
  readonly file_size_in_bytes: bigint;
};

export async function readLevels(table: FlightTable): Promise<readonly LevelPicture[]> {
  const files = await table.system<FileRow>('files');
  const groups = Map.groupBy(files, ({ bucket, level }) => `${bucket}/${level}`);
  return [...groups.values()].map(rows => ({
    bucket: rows[0]?.bucket ?? 0,
    level: rows[0]?.level ?? 0,
    files: rows.length,
    rows: rows.reduce((sum, row) => sum + Number(row.record_count), 0),
    bytes: rows.reduce((sum, row) => sum + Number(row.file_size_in_bytes), 0),
  }));
}
