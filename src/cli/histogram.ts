// Times by their length, in a memory that doesn't grow, exact to less than one per cent.

/** Bits of a time that are kept: 128 buckets for each power of two. */
const BITS = 7;
const PART = 1 << BITS;

/** Counts times in microseconds, up to 2^40, which are twelve days. */
export class Histogram {
  count = 0;
  longest = 0;
  #sum = 0;
  readonly #buckets = new Float64Array((40 - BITS + 1) * PART);

  record(microseconds: number): void {
    const time = Math.min(Math.max(Math.round(microseconds), 0), 2 ** 40 - 1);
    this.count++;
    this.#sum += time;
    this.longest = Math.max(this.longest, time);
    this.#buckets[bucketOf(time)]!++;
  }

  get mean(): number {
    return this.count === 0 ? 0 : this.#sum / this.count;
  }

  /** The time that this part of all, from 0 to 1, don't exceed; 0 if there are none. */
  quantile(part: number): number {
    let left = Math.max(1, Math.ceil(this.count * part));
    for (const [bucket, count] of this.#buckets.entries()) {
      left -= count;
      if (left <= 0 && count > 0) return Math.min(highestOf(bucket), this.longest);
    }
    return 0;
  }
}

function bucketOf(time: number): number {
  // Below 2 × PART each time has a bucket of its own.
  const shift = Math.max(0, Math.floor(Math.log2(Math.max(time, 1))) - BITS);
  return shift * PART + Math.floor(time / 2 ** shift);
}

/** The longest time of a bucket. */
function highestOf(bucket: number): number {
  const shift = Math.max(0, Math.floor(bucket / PART) - 1);
  return (bucket - shift * PART + 1) * 2 ** shift - 1;
}
