/** The demo's words and pictures. */

export type LevelPicture = {
  readonly bucket: number;
  readonly level: number;
  readonly files: number;
  readonly rows: number;
  readonly bytes: number;
};

const barWidth = 28;

/** A row for each bucket and level: files, rows, and a bar as long as its share of the largest. */
export function drawLevels(levels: readonly LevelPicture[]): string {
  const largest = Math.max(1, ...levels.map(({ bytes }) => bytes));
  const sorted = levels.toSorted((a, b) => a.bucket - b.bucket || a.level - b.level);
  return sorted
    .map(({ bucket, level, files, rows, bytes }, index) => {
      const isFirst = sorted[index - 1]?.bucket !== bucket;
      const bar = '█'.repeat(Math.max(1, Math.round((bytes / largest) * barWidth)));
      const head = isFirst ? `bucket ${bucket}` : '';
      const counts = `${String(files).padStart(3)} file${files === 1 ? ' ' : 's'} ${group(rows).padStart(10)} rows`;
      return `    ${head.padEnd(10)} L${level}  ${counts}  ${bar} ${megabytes(bytes)}`;
    })
    .join('\n');
}

export function group(value: number | bigint): string {
  return value.toString().replaceAll(/\B(?=(\d{3})+(?!\d))/g, ',');
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0)} MB`;
}

export function perSecond(count: number, elapsedMs: number): string {
  return `${group(Math.round((count / elapsedMs) * 1_000))}/s`;
}

/** @param share 0 to 1 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function milliseconds(value: number): string {
  return Number.isNaN(value) ? 'not measured' : `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

/** A heading and lines under it. */
export function section(title: string, lines: readonly string[]): string {
  return `\n  ${title}\n${lines.map(line => (line.startsWith(' ') ? line : `    ${line}`)).join('\n')}`;
}
