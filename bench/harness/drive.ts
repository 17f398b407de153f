// What every client of a bench does: bursts of messages to an echo, and a look at what comes back.
import { createPayload } from './frames.js';
import { Run, type LoadResult } from './run.js';

export interface DriveOptions {
  readonly connections: number;
  /** How many messages a connection sends at once; it sends the next ones when all their echoes are there. */
  readonly inFlight: number;
  /** Bytes of a message, which is binary. */
  readonly size: number;
}

/** Opens a connection that hands on each message it receives; resolves with what sends one. */
export type Open = (receive: (message: Uint8Array | ArrayBuffer) => void) => Promise<(message: Uint8Array) => unknown>;

/** Keeps all connections busy for so long. */
export type RunDrive = (milliseconds: number) => Promise<LoadResult>;

/**
 * Opens the connections, and compares the first echoes of each byte by byte; of later ones only the length.
 */
export async function openDrive({ connections, inFlight, size }: DriveOptions, open: Open): Promise<RunDrive> {
  // What is sent is a copy: whoever masks it where it lies is found out.
  const expected = createPayload('binary', size);
  const payload = Buffer.from(expected);
  let run: Run;
  let isChecking = true;

  async function openOne(): Promise<() => void> {
    let begun = 0;
    let missing = 0;
    const send = await open((message) => {
      if (message.byteLength !== size) throw new Error(`an echo of ${message.byteLength} bytes, not of ${size}`);
      if (isChecking && expected.compare(new Uint8Array(message)) !== 0) {
        throw new Error('the echo is not what was sent');
      }
      if (--missing === 0 && run.end(begun, inFlight)) burst();
    });
    function burst(): void {
      begun = run.begin();
      missing = inFlight;
      for (let count = 0; count < inFlight; count++) send(payload);
    }
    return burst;
  }

  const bursts: (() => void)[] = [];
  while (bursts.length < connections) bursts.push(await openOne());
  const runAll: RunDrive = (milliseconds) => {
    run = new Run(milliseconds);
    for (const burst of bursts) burst();
    return run.result;
  };
  await runAll(0);
  isChecking = false;
  return runAll;
}
