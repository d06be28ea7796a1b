// Bundles each cloud function into OUT/NAME/index.mjs, with what it needs beside it: a folder is a whole package, to be
// deployed as it is. What is in it (NAME.meta.json), and its source maps (NAME.maps), lie beside the folders and are not deployed.
//
//   npm run bundle [-- --arch arm64|x64] [OUT]        OUT is dist/functions, the architecture this machine's
import { cpSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { builtinModules, createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { functionDefinitions } from '../infra/definitions/functions.ts';
import { nativeFolder } from './native-package.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const architectures = ['arm64', 'x64'];

/** What a package may have, unpacked, the codec's wasm with it; SQL's native library comes on top where SQL is. */
const packageBytesMax = 8 * 1024 * 1024;
const largestShown = 12;

const wasmFile = 'parquet_wasm_bg.wasm';
/** Packages with native code cannot be bundled; they go along as folders. */
const nativePackages = ['@duckdb/node-api', '@duckdb/node-bindings'];
/** What of them is never loaded by a function. */
const isNeeded = path => !/\.(?:d\.ts|map|md)$/.test(path);

const requireHere = createRequire(import.meta.url);

function settingsOf(args) {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { arch: { type: 'string' } } });
  const architecture = values.arch ?? process.arch;
  if (!architectures.includes(architecture)) {
    throw new Error(`--arch ${architecture}: functions run on ${architectures.join(' or ')}`);
  }
  return { architecture, out: resolve(positionals[0] ?? join(root, 'dist', 'functions')) };
}

/**
 * Node's own modules come by `require`. An import of one, as ESM has it, reads everything that the module exports, and so
 * loads what nobody asked for: `node:http` brings the whole of undici, a tenth of a cold start.
 */
const builtinsByRequire = {
  name: 'builtins-by-require',
  setup({ onResolve, onLoad }) {
    const filter = new RegExp(`^(node:.*|${builtinModules.map(name => name.replaceAll('/', '\\/')).join('|')})$`);
    onResolve({ filter }, ({ path, kind }) =>
      kind === 'require-call' ? { path, external: true } : { path, namespace: 'builtin', sideEffects: false },
    );
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)});`,
    }));
  },
};

async function bundle(name, { architecture, out }) {
  const folder = join(out, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { metafile, outputFiles } = await build({
    entryPoints: { index: join(root, 'functions', `${name}.ts`) },
    absWorkingDir: root,
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    // What is imported only when it is needed is read only then.
    splitting: true,
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    // Without `keepNames`: it calls a function for every function made, at the start and in the hottest loops. The map that lies
    // beside the packages (NAME.maps) tells the names of a stack.
    minify: true,
    // Loaded at every cold start where source maps are enabled, whether or not anything fails.
    sourcemap: 'external',
    sourcesContent: false,
    legalComments: 'none',
    metafile: true,
    mainFields: ['module', 'main'],
    external: nativePackages,
    plugins: [builtinsByRequire],
    // Packages in the older module form call `require` for Node's own modules.
    banner: {
      js: "import { createRequire as __require } from 'node:module'; const require = __require(import.meta.url);",
    },
    logLevel: 'warning',
  });
  const maps = join(out, `${name}.maps`);
  rmSync(maps, { recursive: true, force: true });
  mkdirSync(maps);
  for (const { path, contents } of outputFiles) {
    writeFileSync(path.endsWith('.map') ? join(maps, basename(path)) : path, contents);
  }
  writeFileSync(join(out, `${name}.meta.json`), JSON.stringify(metafile));
  const inputs = Object.keys(metafile.inputs);
  if (inputs.some(input => input.includes('node_modules/parquet-wasm/'))) {
    cpSync(requireHere.resolve(`parquet-wasm/esm/${wasmFile}`), join(folder, wasmFile));
  }
  const outputs = Object.values(metafile.outputs);
  const imported = outputs.flatMap(output => output.imports.map(({ path }) => path));
  if (imported.some(path => nativePackages.includes(path))) copyNative(folder, architecture);
  checkSize(name, folder, outputs);
}

function copyNative(folder, architecture) {
  const sources = nativePackages.map(name => [name, dirname(requireHere.resolve(`${name}/package.json`))]);
  const bindings = `@duckdb/node-bindings-linux-${architecture}`;
  for (const [packageName, source] of [...sources, [bindings, nativeFolder(bindings)]]) {
    const target = join(folder, 'node_modules', packageName);
    cpSync(source, target, { recursive: true, dereference: true, filter: isNeeded });
  }
}

/** Prints what the package takes; too much is a failure that shows where it comes from. */
function checkSize(name, folder, outputs) {
  const ownBytes = bytesIn(folder, entry => entry !== 'node_modules');
  const nativeBytes = bytesIn(folder, entry => entry === 'node_modules');
  const native = nativeBytes === 0 ? '' : `, and ${megabytes(nativeBytes)} of native SQL`;
  console.log(`${name}: ${megabytes(ownBytes)}, its code ${megabytes(bytesIn(folder, isCode))}${native}`);
  if (ownBytes <= packageBytesMax) return;
  const inputs = outputs
    .flatMap(output => Object.entries(output.inputs))
    .sort(([, a], [, b]) => b.bytesInOutput - a.bytesInOutput);
  const lines = inputs
    .slice(0, largestShown)
    .map(([path, { bytesInOutput }]) => `  ${megabytes(bytesInOutput)} ${path}`);
  throw new Error(
    `${name} has ${megabytes(ownBytes)}, more than ${megabytes(packageBytesMax)}. Most of it:\n${lines.join('\n')}`,
  );
}

const isCode = entry => entry.endsWith('.mjs');

function bytesIn(folder, isCounted) {
  return readdirSync(folder)
    .filter(isCounted)
    .map(entry => join(folder, entry))
    .reduce((sum, path) => sum + (statSync(path).isDirectory() ? bytesIn(path, () => true) : statSync(path).size), 0);
}

function megabytes(bytes) {
  return `${(bytes / 1024 / 1024).toFixed(2)} MB`;
}

const settings = settingsOf(process.argv.slice(2));
for (const { name } of functionDefinitions) await bundle(name, settings);
