/** The local cloud for a test: in a folder of its own that goes with it, on ports of its own, with bundles made once. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../../scripts/cache-folder.ts';
import type { InvocationReport } from '../../scripts/local-cloud/invocation-report.ts';
import { LocalCloud, type LocalCloudSettings } from '../../scripts/local-cloud/local-cloud.ts';

export type TestCloudSettings = Pick<LocalCloudSettings, 'parameters' | 'changed' | 'kinesisFront' | 'repeats'>;

export class TestCloud implements AsyncDisposable {
  readonly cloud: LocalCloud;
  readonly #folder: string;
  readonly #lines: string[];
  #version = 1;

  constructor(cloud: LocalCloud, folder: string, lines: string[]) {
    this.cloud = cloud;
    this.#folder = folder;
    this.#lines = lines;
  }

  static async start(settings: TestCloudSettings = {}): Promise<TestCloud> {
    const folder = mkdtempSync(join(tmpdir(), 'tidelake-cloud-'));
    const lines: string[] = [];
    try {
      const bundles = join(folder, 'code', '1');
      mkdirSync(bundles, { recursive: true });
      runProgram(process.execPath, [fileURLToPath(new URL('../../scripts/bundle.mjs', import.meta.url)), bundles]);
      const onLine = (source: string, line: string): void => void lines.push(`${source} ${line}`);
      return new TestCloud(await LocalCloud.start({ ...settings, bundles, folder, onLine }), folder, lines);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** All that a function has said, or the cloud itself. */
  linesOf(source: string): readonly string[] {
    return this.#lines.flatMap(line => (line.startsWith(`${source} `) ? line.slice(source.length + 1) : []));
  }

  reportsOf(name: string, status?: InvocationReport['status']): readonly InvocationReport[] {
    return this.cloud.function(name).reports.filter(report => status === undefined || report.status === status);
  }

  /** The folder of a function's bundle as it is deployed. */
  bundleOf(name: string): string {
    return this.cloud.function(name).spec.taskRoot;
  }

  bundleBytes(name: string): number {
    const entries = readdirSync(this.bundleOf(name), { recursive: true, withFileTypes: true });
    return entries
      .filter(entry => entry.isFile())
      .reduce((sum, { parentPath, name: file }) => sum + statSync(join(parentPath, file)).size, 0);
  }

  /** Another copy of the bundles takes over. @returns its folder */
  redeploy(): string {
    const before = join(this.#folder, 'code', String(this.#version));
    this.#version += 1;
    const bundles = join(this.#folder, 'code', String(this.#version));
    cpSync(before, bundles, { recursive: true });
    this.cloud.deploy(bundles);
    return bundles;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cloud[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
