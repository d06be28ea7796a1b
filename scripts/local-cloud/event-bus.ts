/** EventBridge: rules that call functions, by events of the bucket or by the clock. */
import { randomUUID } from 'node:crypto';
import { matchesPattern } from './event-pattern.ts';
import { localAccountId, type RulePlan } from './local-stack.ts';

export type EventBusSettings = {
  readonly region: string;
  readonly rules: readonly RulePlan[];
  readonly call: (functionArn: string, payload: string) => void;
};

export class EventBus implements Disposable {
  readonly #settings: EventBusSettings;
  readonly #timers: readonly NodeJS.Timeout[];
  #isStopped = false;

  constructor(settings: EventBusSettings) {
    this.#settings = settings;
    this.#timers = settings.rules.flatMap(rule =>
      rule.everyMs === undefined ? [] : setInterval(() => this.tick(rule), rule.everyMs).unref(),
    );
  }

  /** A new object in a bucket. */
  objectCreated(object: { readonly bucket: string; readonly key: string; readonly size: number }): void {
    if (this.#isStopped) return;
    const { bucket, key, size } = object;
    const event = {
      ...this.#head('Object Created', 'aws.s3', [`arn:aws:s3:::${bucket}`]),
      detail: { version: '0', bucket: { name: bucket }, object: { key, size }, reason: 'PutObject' },
    };
    for (const { pattern, targetArns } of this.#settings.rules) {
      if (pattern === undefined || !matchesPattern(pattern, event)) continue;
      for (const arn of targetArns) this.#settings.call(arn, JSON.stringify(event));
    }
  }

  /** What a rule's schedule does. */
  tick({ arn, targetArns }: RulePlan): void {
    const event = { ...this.#head('Scheduled Event', 'aws.events', [arn]), detail: {} };
    for (const target of targetArns) this.#settings.call(target, JSON.stringify(event));
  }

  [Symbol.dispose](): void {
    this.#isStopped = true;
    for (const timer of this.#timers) clearInterval(timer);
  }

  #head(detailType: string, source: string, resources: readonly string[]) {
    return {
      version: '0',
      id: randomUUID(),
      'detail-type': detailType,
      source,
      account: localAccountId,
      time: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
      region: this.#settings.region,
      resources,
    };
  }
}
