// Records what is published on channels of `node:diagnostics_channel` while a test runs.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { DiagnosticsEvents } from '../../src/index.js';

export type Name = keyof DiagnosticsEvents;

/** What was published, in order: the name without `twobyte:`, and what came with it. */
export type Recorded = readonly [name: string, event: Record<string, unknown>];

/** Disposing of it ends the subscriptions. */
export class Recorder implements Disposable {
  readonly events: Recorded[] = [];
  readonly #names: readonly Name[];
  readonly #listener = (event: unknown, name: string | symbol): void => {
    this.events.push([String(name).replace('twobyte:', ''), event as Record<string, unknown>]);
  };

  constructor(...names: Name[]) {
    this.#names = names;
    for (const name of names) subscribe(name, this.#listener);
  }

  /** What was published since the last call. */
  take(): Recorded[] {
    return this.events.splice(0);
  }

  [Symbol.dispose](): void {
    for (const name of this.#names) unsubscribe(name, this.#listener);
  }
}
