/** The template as CloudFormation reads it: cfn-lint's reader knows its YAML, short forms of intrinsic functions included. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { pythonFolder } from '../../scripts/cloud-tools.ts';

const program = `
import json, sys
from cfnlint.decode import decode
template, problems = decode(sys.argv[1])
if template is None: sys.exit(str(problems))
json.dump(template, sys.stdout, default=str)
`;

/** @param file from the repository's root */
export function readTemplate(file: string): unknown {
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const env = { ...process.env, PYTHONPATH: pythonFolder('cfn-lint') };
  const { status, stdout, stderr } = spawnSync('python3', ['-c', program, file], { encoding: 'utf8', cwd, env });
  if (status !== 0) throw new Error(`${file} cannot be read:\n${stderr}`);
  return JSON.parse(stdout);
}
