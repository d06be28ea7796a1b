// Bundles each cloud function into dist/functions/NAME/index.mjs, with what it needs beside it: a folder is a whole package.
//
//   node scripts/bundle.mjs [OUT]
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = resolve(process.argv[2] ?? join(root, 'dist', 'functions'));
const names = ['ingest', 'commit', 'compact', 'maintain', 'query', 'catalog'];

/** Packages with native code cannot be bundled; they go along as folders, for the platform that Lambda has. */
const nativePackages = ['@duckdb/node-api', '@duckdb/node-bindings', '@duckdb/node-bindings-linux-x64'];

const requireHere = createRequire(import.meta.url);

for (const name of names) {
  const folder = join(out, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { metafile } = await build({
    entryPoints: [join(root, 'functions', `${name}.ts`)],
    outfile: join(folder, 'index.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    minify: true,
    keepNames: true,
    sourcemap: 'linked',
    sourcesContent: false,
    metafile: true,
    mainFields: ['module', 'main'],
    external: nativePackages,
    // Packages in the older module form call `require` for Node's own modules.
    banner: {
      js: "import { createRequire as __require } from 'node:module'; const require = __require(import.meta.url);",
    },
    logLevel: 'warning',
  });
  const inputs = Object.keys(metafile.inputs);
  if (inputs.some(input => input.includes('node_modules/parquet-wasm/'))) {
    cpSync(requireHere.resolve('parquet-wasm/esm/parquet_wasm_bg.wasm'), join(folder, 'parquet_wasm_bg.wasm'));
  }
  const [output] = Object.values(metafile.outputs).filter(({ entryPoint }) => entryPoint !== undefined);
  if (output.imports.some(({ path }) => nativePackages.includes(path))) {
    for (const packageName of nativePackages) copyPackage(packageName, folder);
  }
  console.log(`${name}: ${(output.bytes / 1024).toFixed(0)} KB from ${inputs.length} files`);
}

function copyPackage(packageName, folder) {
  const source = dirname(requireHere.resolve(`${packageName}/package.json`));
  cpSync(source, join(folder, 'node_modules', packageName), { recursive: true, dereference: true });
}
