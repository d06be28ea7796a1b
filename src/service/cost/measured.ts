/** What `npm run bench -- cost` measured; written by it, see there for what the figures are of. */
import type { Measured } from './estimate.ts';

export const measured: Measured = {
  date: '2026-11-27',
  node: 'v24.21.0',
  perBatch: {
    oneShard: {
      ingest: {
        put: 5.333,
        list: 0,
        get: 3.169,
        delete: 0,
        invocation: 1,
      },
      compaction: {
        put: 1.875,
        list: 0.4611,
        get: 7.344,
        delete: 0,
        invocation: 1.294,
      },
      maintenance: {
        put: 0.1139,
        list: 0.6167,
        get: 5.572,
        delete: 6.433,
        invocation: 0.01667,
      },
    },
    fourShards: {
      ingest: {
        put: 5.533,
        list: 0,
        get: 9.77,
        delete: 0,
        invocation: 1,
      },
      compaction: {
        put: 1.77,
        list: 0.8033,
        get: 5.517,
        delete: 0,
        invocation: 1.257,
      },
      maintenance: {
        put: 0.07,
        list: 0.3633,
        get: 4.503,
        delete: 5.977,
        invocation: 0.003333,
      },
    },
  },
  perMegabyte: {
    jsonBytesPerRow: 182.3,
    logBytesPerJsonByte: 0.2985,
    logUnits: 15.24,
    ingestCpuMs: 15.41,
    compactionCpuMs: 14.67,
    ingestBytesWritten: 158238,
    compactionBytesWritten: 257844,
    compactionBytesRead: 320153,
  },
};
