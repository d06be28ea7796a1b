/** The texts of what is shipped, without its tests and without the tools that read test data of our own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesBelow, repositoryRoot } from '../source-text.ts';

export const packageSources: readonly string[] = ['src', 'functions']
  .flatMap(folder => filesBelow(folder))
  .filter(path => path.endsWith('.ts') && !/\.(test|conformance|arbitrary)\.ts$/.test(path))
  .filter(path => !/\/golden-\w+\.ts$|\/conditional-put-probe\.ts$/.test(path))
  .map(path => readFileSync(join(repositoryRoot, path), 'utf8'));
