// Counts what a vitest run did from its JSON report. Vitest's own numbers leave out files that did not load, failed hooks
// and the tests behind them; here whatever was not run and seen to pass counts as failed.

/** @typedef {{ passed: number, failures: string[] }} Tally each failure is a line that names it */

/**
 * @param {string | undefined} reportText the report, or undefined when none was written
 * @param {number} exitCode of vitest
 * @returns {Tally}
 */
export function tallyReport(reportText, exitCode) {
  const tally = { passed: 0, failures: [] };
  if (reportText === undefined) {
    tally.failures.push(`vitest wrote no report (exit code ${exitCode})`);
    return tally;
  }
  for (const file of JSON.parse(reportText).testResults) tallyFile(tally, file);
  if (tally.passed === 0 && tally.failures.length === 0) tally.failures.push('no test was run');
  if (exitCode !== 0 && tally.failures.length === 0) {
    tally.failures.push(`vitest ended with ${exitCode} though no test failed: an unhandled error, see above`);
  }
  return tally;
}

function tallyFile(tally, file) {
  let failedHere = 0;
  for (const test of file.assertionResults) {
    if (test.status === 'passed') {
      tally.passed += 1;
      continue;
    }
    failedHere += test.status === 'failed' ? 1 : 0;
    const what = test.status === 'failed' ? '' : ` (${test.status}: what does not run counts as failed)`;
    tally.failures.push(`${file.name}: ${test.fullName}${what}`);
  }
  if (file.status === 'failed' && failedHere === 0) {
    tally.failures.push(`${file.name}: did not load, or a hook failed`);
  } else if (file.assertionResults.length === 0) {
    tally.failures.push(`${file.name}: holds no test`);
  }
}
