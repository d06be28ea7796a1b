/** What `npm run bench -- cost` measured; written by it, see there for what the figures are of. */
import type { Measured } from './estimate.ts';

export const measured: Measured = {
  date: '2026-11-27',
  node: 'v24.21.0',
  perBatch: {
    oneShard: {
      ingest: {
        put: 5.369,
        list: 0.2972,
        get: 2.175,
        delete: 0,
        invocation: 1,
      },
      compaction: {
        put: 1.758,
        list: 0.4583,
        get: 7.372,
        delete: 0,
        invocation: 1.292,
      },
      maintenance: {
        put: 0.1083,
        list: 0.65,
        get: 5.619,
        delete: 6.406,
        invocation: 0.01667,
      },
    },
    fourShards: {
      ingest: {
        put: 5.565,
        list: 1.038,
        get: 6.717,
        delete: 0,
        invocation: 1,
      },
      compaction: {
        put: 1.543,
        list: 0.7333,
        get: 5.427,
        delete: 0,
        invocation: 1.233,
      },
      maintenance: {
        put: 0.07167,
        list: 0.37,
        get: 4.503,
        delete: 5.925,
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
