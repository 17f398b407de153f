// Garbage beside large Buffers, so that V8 collects young objects before Buffers make it mark all objects.
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8';

/**
 * V8 looks for Buffers that nobody holds when its space for young objects is full. Their bytes are not in there: with
 * large ones and little else, 64 MiB of them come first, for which it marks all objects, many times a second under load
 * (findings/node-24-fresh-buffers.sh). So that space is to be full after so many bytes of Buffers.
 */
const BYTES_PER_COLLECTION = 32 << 20;

/** With so much more than after the last collection, V8 of this runtime doesn't collect in time by itself. */
const MAX_UNCOLLECTED_BYTES = 40 << 20;

/** How often that is looked at. */
const BYTES_PER_LOOK = 4 << 20;

/** V8 has longer arrays in a space of their own. */
const MAX_ARRAY_BYTES = 65_536;
const ELEMENT_BYTES = 8;

/** Buffers of fewer bytes bring enough garbage with them. */
export const MIN_BALLASTED_BYTES = 4096;

/** What is to be known of V8's memory. */
export interface Heap {
  /** Bytes outside of the heap, which are those of Buffers mostly. */
  externalBytes(): number;
  /** How large the space for young objects is; 0 if the runtime has none. */
  youngBytes(): number;
}

export class Ballast {
  /** The last that was made: what nobody could see needn't be made. */
  garbage: unknown[] = [];
  readonly #heap: Heap;
  #untilLook = 0;
  #external = Infinity;
  /** What they were after the last collection. */
  #lowest = 0;
  /** Bytes of Buffers since then. */
  #made = 0;
  /** How many bytes more there are for each of them, as reads may add some; 0 while V8 seems to collect in time. */
  #rate = 0;
  /** Bytes of garbage for each of a Buffer's. */
  #share = 0;

  constructor(heap: Heap) {
    this.#heap = heap;
  }

  /** A Buffer of so many bytes is about to be made. */
  add(length: number): void {
    this.#untilLook -= length;
    if (this.#untilLook <= 0) this.#look();
    for (let left = length * this.#share; left >= ELEMENT_BYTES; left -= MAX_ARRAY_BYTES) {
      this.garbage = new Array<unknown>(Math.floor(Math.min(left, MAX_ARRAY_BYTES) / ELEMENT_BYTES));
    }
  }

  #look(): void {
    const youngBytes = this.#heap.youngBytes();
    this.#untilLook = youngBytes === 0 ? Infinity : BYTES_PER_LOOK;
    if (youngBytes === 0) return;
    if (this.#rate === 0) this.#watch();
    // A larger space would cost more to be filled than is saved.
    this.#share = youngBytes > BYTES_PER_COLLECTION ? 0 : (youngBytes / BYTES_PER_COLLECTION) * this.#rate;
  }

  #watch(): void {
    const external = this.#heap.externalBytes();
    if (external < this.#external) {
      this.#lowest = external;
      this.#made = 0;
    } else {
      this.#made += BYTES_PER_LOOK;
    }
    this.#external = external;
    const uncollected = external - this.#lowest;
    if (uncollected > MAX_UNCOLLECTED_BYTES) this.#rate = Math.max(1, uncollected / this.#made);
  }
}

export const ballast = new Ballast({
  externalBytes: () => getHeapStatistics().external_memory,
  youngBytes: () => {
    const spaces = getHeapSpaceStatistics().filter(({ space_name }) => space_name === 'new_space');
    return spaces.reduce((sum, space) => sum + space.space_used_size + space.space_available_size, 0);
  },
});
