/** Segments of AWS X-Ray for the phases of an invocation, with annotations to look for: table, shard, snapshot. */
import { Tracer } from '@aws-lambda-powertools/tracer';
import type { SpanNotes, Spans } from '../../base/spans.ts';

/** Where no daemon listens, what is sent to it is lost and nothing else happens. */
export function openTracing(serviceName: string): Spans {
  // Requests to S3 and Kinesis are not traced one by one: there are thousands, and they are in the figures.
  const tracer = new Tracer({ serviceName, captureHTTPsRequests: false });
  return {
    run: async <T>(
      phase: string,
      notes: SpanNotes,
      work: (note: (more: SpanNotes) => void) => Promise<T>,
    ): Promise<T> => {
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      // Within it the phase's own segment is the one that others come under.
      tracer.provider.captureAsyncFunc(phase, async segment => {
        const annotate = (more: SpanNotes): void => {
          for (const [key, value] of Object.entries(more)) segment?.addAnnotation(key, value);
        };
        annotate({ Service: serviceName, ...notes });
        try {
          resolve(await work(annotate));
        } catch (error) {
          if (error instanceof Error) segment?.addError(error);
          reject(error);
        } finally {
          segment?.close();
        }
      });
      return promise;
    },
  };
}
