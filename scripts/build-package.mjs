// Makes the JavaScript of the published package, beside the types that the compiler puts there: what `exports` and `bin` of
// package.json name, in dist. A process that loads 800 modules spends longer on that than on reading a small table, so what an
// entry needs at once is one file, and what is imported only when it is needed is read only then.
//
// By rolldown, since a bundler that splits as esbuild does makes some 60 files of what is needed at once, each with its price.
//
//   node scripts/build-package.mjs [OUT]        OUT is dist/src
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Packages that stay outside: those with native code or wasm, those that are loaded when they are asked for, and Arrow, whose
 * classes must be the ones that a program gets of apache-arrow itself.
 */
const outside =
  /^(?:@duckdb\/|apache-arrow(?:\/|$)|parquet-wasm(?:\/|$)|@aws-sdk\/|@smithy\/|@platformatic\/kafka|@aws-lambda-powertools\/)/;

/** Names and lines stay: they tell where a failure was, and Node prints the whole line of one that nobody catches. */
const minify = { mangle: false, compress: true, codegen: { removeWhitespace: false } };

/**
 * Bundles entries for Node, our dependencies beside them.
 *
 * @param entries source files by the names of their bundles
 * @param core the name of the entry whose modules, all that are needed at once, become one file that the others share
 * @param out the folder
 * @returns the paths of all modules that are in them
 */
export async function bundleForNode({ entries, core, out, external = outside }) {
  const needed = new Set();
  const bundle = await rolldown({
    input: entries,
    external,
    platform: 'node',
    transform,
    checks,
    plugins: [neededBy(entries[core], needed)],
  });
  const { output } = await bundle.write({
    dir: out,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
    codeSplitting: { groups: [{ name: 'core', test: id => needed.has(id) }] },
    minify,
  });
  await bundle.close();
  return output.flatMap(({ moduleIds = [] }) => moduleIds);
}

/** As the compiler would make it: Node 22 cannot parse `using`. */
const transform = { target: 'es2024' };

/** Some of our modules are imported when they are needed by one and at once by another, which is as it should be. */
const checks = { ineffectiveDynamicImport: false };

/** Finds the modules that an entry imports at once. */
function neededBy(entry, needed) {
  return {
    name: 'needed-at-once',
    buildEnd() {
      const found = [entry];
      for (const id of found) {
        if (needed.has(id)) continue;
        needed.add(id);
        found.push(...(this.getModuleInfo(id)?.importedIds ?? []));
      }
    },
  };
}

/** @param out the folder of what lies in src */
export async function buildPackage(out) {
  rmSync(join(out, 'chunks'), { recursive: true, force: true });
  const names = ['index', 'storage/index', 'cli/main'];
  const entries = Object.fromEntries(names.map(name => [name, join(root, 'src', `${name}.ts`)]));
  writeLicenses(join(out, 'licenses.txt'), await bundleForNode({ entries, core: 'index', out }));
  // For browsers too, so by itself and with nothing of Node in it.
  const producer = await rolldown({
    input: join(root, 'src', 'client', 'producer.ts'),
    platform: 'neutral',
    transform,
  });
  await producer.write({ file: join(out, 'client', 'producer.js'), format: 'esm', minify });
  await producer.close();
}

/** Of the packages that modules are of: who gives on their code gives their licenses with it. */
function writeLicenses(path, moduleIds) {
  const folders = new Set(
    moduleIds.flatMap(id => id.match(/^.*[/\\]node_modules[/\\](?:@[^/\\]+[/\\])?[^/\\]+/) ?? []),
  );
  const texts = [...folders].sort().map(folder => {
    const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return `${name} ${version}\n\n${readFileSync(join(folder, 'LICENSE'), 'utf8')}`;
  });
  writeFileSync(path, texts.join('\n\n'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildPackage(resolve(process.argv[2] ?? join(root, 'dist', 'src')));
}
