// Counts the bytes of all buffers that are made: what a parser does with memory, by a counter instead of by chance.

const ALLOCATORS = ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const;

let allocated = 0;

for (const name of ALLOCATORS) {
  const original = Buffer[name] as (size: number, ...rest: unknown[]) => Buffer;
  const counting = (size: number, ...rest: unknown[]): Buffer => {
    allocated += size;
    return original(size, ...rest);
  };
  Object.assign(Buffer, { [name]: counting });
}

/** How many bytes `Buffer.alloc`, `allocUnsafe` and `allocUnsafeSlow` have made while `run` ran. */
export function countAllocated(run: () => void): number {
  const before = allocated;
  run();
  return allocated - before;
}
