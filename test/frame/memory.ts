// What the frame codec does with memory, counted.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const collectGarbage = findCollector();

function findCollector(): () => void {
  const { Bun } = globalThis as { Bun?: { gc(isNow: true): void } };
  if (Bun !== undefined) return () => Bun.gc(true);
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

/** Bytes of all objects and buffers that are in use. */
export function countLiveBytes(): number {
  // The first collection frees some memory in the background; the second one waits for that.
  collectGarbage();
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const ALLOCATORS = ['alloc', 'allocUnsafe', 'allocUnsafeSlow', 'concat', 'from'] as const;

/** Bytes of all buffers that are created while `run` runs; each byte of them is written once at most. */
export function countAllocatedBytes(run: () => void): number {
  let allocated = 0;
  const originals = ALLOCATORS.map((name) => [name, Buffer[name]] as const);
  for (const [name, original] of originals) {
    const counting = (...parameters: unknown[]): Buffer => {
      const buffer = Reflect.apply(original, Buffer, parameters) as Buffer;
      allocated += buffer.length;
      return buffer;
    };
    Object.assign(Buffer, { [name]: counting });
  }
  try {
    run();
  } finally {
    for (const [name, original] of originals) Object.assign(Buffer, { [name]: original });
  }
  return allocated;
}

const memory = ArrayBuffer.prototype as { transfer?(length: number): ArrayBuffer };

/** Whether the runtime has a way to free memory at once: Node 21 and later do. */
export const canFree = memory.transfer !== undefined;

/** The lengths of what is freed at once while `run` runs. */
export async function findFreed(run: () => Promise<void>): Promise<number[]> {
  const freed: number[] = [];
  const { transfer } = memory;
  memory.transfer = function (this: ArrayBuffer, length) {
    freed.push(this.byteLength);
    return canFree ? transfer!.call(this, length) : this;
  };
  try {
    await run();
  } finally {
    if (canFree) memory.transfer = transfer!;
    else delete memory.transfer;
  }
  return freed;
}
