import { defineConfig, type ViteUserConfig } from 'vitest/config';

// Four projects: `unit` is quick and needs nothing but Node; `long` is the same with many processes, rivals or crashes
// (`x.long.test.ts`); `integration` starts real services on loopback; `interop` asks real Apache Paimon on the JVM.
// scripts/run-tests.mjs decides which of them run.
const besideSource = [
  'src/**',
  'functions/**',
  'spec/**',
  'bench/**',
  'infra',
  'infra/definitions',
  'scripts',
  'scripts/local-cloud',
  'infra/deploy',
  'test',
  'test/golden/**',
  'test/simulation/**',
  'test/crash-points/**',
  'test/crashes/**',
  'test/fuzz/**',
  'test/security/**',
  'test/permissions/**',
  'test/requests/**',
  'test/object-log-hunt/**',
];
const longTests = besideSource.map(folder => `${folder}/*.long.test.ts`);

const config: ViteUserConfig = defineConfig({
  test: {
    // Of two cores vitest would leave one idle.
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'unit',
          include: besideSource.map(folder => `${folder}/*.test.ts`),
          exclude: longTests,
          // A fresh module graph for each of a hundred small files would cost more than their tests do.
          isolate: false,
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'long',
          include: longTests,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'interop',
          include: ['test/interop/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});

export default config;
