// Known advisories of what package-lock.json pins: `npm audit`, with three ends kept apart.
//
//   0 nothing known · 1 something was found, or the answer is not understood · 3 the registry has no audit (not a pass)
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

type AuditReport = {
  readonly metadata?: { readonly vulnerabilities?: { readonly total?: unknown } };
  readonly vulnerabilities?: object;
  readonly error?: unknown;
  readonly statusCode?: unknown;
  readonly message?: unknown;
};

const auditMsMax = 120_000;
const unavailableStatus = 3;

/** What the JSON of `npm audit` means. */
export function auditVerdict(text: string): { readonly status: number; readonly words: string } {
  let report: AuditReport | null;
  try {
    report = JSON.parse(text);
  } catch {
    return { status: 1, words: 'npm audit gave no JSON' };
  }
  const total = report?.metadata?.vulnerabilities?.total;
  if (typeof total === 'number') {
    if (total === 0) return { status: 0, words: 'no known advisories' };
    const names = Object.keys(report?.vulnerabilities ?? {}).join(', ');
    return { status: 1, words: `${total} packages with advisories: ${names}` };
  }
  if (report?.error !== undefined || report?.statusCode !== undefined || report?.message !== undefined) {
    return { status: unavailableStatus, words: 'the registry gave no audit; nothing is known of advisories' };
  }
  return { status: 1, words: 'npm audit gave a report that is not understood' };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { stdout } = spawnSync('npm', ['audit', '--json'], { encoding: 'utf8', timeout: auditMsMax });
  const { status, words } = auditVerdict(stdout ?? '');
  console.log(`audit: ${words}`);
  process.exitCode = status;
}
