/** How the audit of dependencies tells its ends apart, and which packages may run scripts when they are installed. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { auditVerdict } from '../../scripts/audit.ts';

const read = (path: string): unknown => JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'));

test('advisories fail the audit, and a registry without one is not a pass', () => {
  const report = (total: number, vulnerabilities: object): string =>
    JSON.stringify({ auditReportVersion: 2, vulnerabilities, metadata: { vulnerabilities: { total } } });
  expect(auditVerdict(report(0, {})).status).toBe(0);
  expect(auditVerdict(report(1, { lodash: {} }))).toEqual({ status: 1, words: '1 packages with advisories: lodash' });
  expect(auditVerdict('{"message":"405 Method Not Allowed","statusCode":405}').status).toBe(3);
  expect(auditVerdict('{"error":{"code":"ENOAUDIT"}}').status).toBe(3);
  for (const text of ['', 'no', '{}', 'null', '[]', '{"metadata":{"vulnerabilities":{"total":"0"}}}']) {
    expect(auditVerdict(text).status, text).toBe(1);
  }
});

test('only the packages that are named may run scripts at install, and none of them at run time', () => {
  const lock = Object(read('package-lock.json'));
  const allowed = Object.keys(Object(Object(read('package.json')).allowScripts));
  const withScripts = Object.entries(lock.packages)
    .filter(([, entry]) => Object(entry).hasInstallScript === true)
    .map(([path, entry]) => ({
      name: path.split('node_modules/').at(-1) ?? '',
      isForTests: Object(entry).dev === true,
    }));
  expect(withScripts.length).toBeGreaterThan(0);
  for (const { name, isForTests } of withScripts) {
    expect(allowed).toContain(name);
    expect(isForTests, `${name} would run a script where the product is installed`).toBe(true);
  }
});

test('what is installed is pinned with a hash, and comes from a registry', () => {
  const packages = Object.entries(Object(Object(read('package-lock.json')).packages));
  expect(packages.length).toBeGreaterThan(50);
  for (const [path, entry] of packages) {
    const { resolved, integrity, link, inBundle } = Object(entry);
    if (path === '' || link === true || inBundle === true) continue;
    // Without an address it is whatever registry is set; the hash says what it must be.
    if (resolved !== undefined) expect(resolved, path).toMatch(/^https:\/\/registry\.npmjs\.org\//);
    expect(integrity, path).toMatch(/^sha512-/);
  }
});
