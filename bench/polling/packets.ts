// Counts the packets of a run on the loopback interface with tshark, TCP and IP headers included.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { now } from './clock.js';
import { Pair, type Measurement } from './pair.js';
import type { Setting } from './setting.js';

/** Packets of a window in both directions, seen from the clients. */
export interface PacketCount {
  readonly packets: number;
  /** Bytes of IP packets: what the sockets sent, with IP and TCP headers. */
  readonly bytes: number;
  /** Bytes in TCP segments: what the sockets' own counters must say too. */
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export interface PacketMeasurement extends Measurement {
  readonly captured: PacketCount;
}

/** Why there can be no capture; `null` if there can. */
export function whyNoCapture(): string | null {
  const { status, error } = spawnSync('tshark', ['-D'], { encoding: 'utf8' });
  if (error) return 'tshark is missing: apt-get install tshark';
  return status === 0 ? null : 'tshark may not capture: run it as root';
}

/** Measures a setting while tshark looks on. */
export async function measurePackets(setting: Setting, window: number): Promise<PacketMeasurement> {
  const pair = new Pair();
  let capture: { read(): Promise<string>; port: number } | null = null;
  try {
    const measurement = await pair.measure(setting, window, async (port) => {
      capture = { port, ...(await startCapture(port)) };
    });
    const lines = await capture!.read();
    const captured = countPackets(lines, capture!.port, measurement);
    const { bytesIn, bytesOut } = measurement;
    if (captured.bytesIn !== bytesIn || captured.bytesOut !== bytesOut) {
      const [ours, theirs] = [measurement, captured].map((count) => `${count.bytesIn} in, ${count.bytesOut} out`);
      throw new Error(`the sockets counted ${ours} bytes, tshark ${theirs} (${setting.transport})`);
    }
    return { ...measurement, captured };
  } finally {
    pair.end();
  }
}

async function startCapture(port: number): Promise<{ read(): Promise<string> }> {
  const fields = ['frame.time_epoch', 'tcp.dstport', 'ip.len', 'tcp.len'].flatMap((field) => ['-e', field]);
  const tshark = spawn('tshark', ['-n', '-l', '-i', 'lo', '-f', `tcp port ${port}`, '-T', 'fields', ...fields]);
  let [text, messages] = ['', ''];
  tshark.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
  await new Promise<void>((resolve, reject) => {
    tshark.stderr.setEncoding('utf8').on('data', (part: string) => {
      messages += part;
      // It says this when dumpcap has opened the interface.
      if (messages.includes('Capturing on')) setTimeout(resolve, 1000);
    });
    tshark.on('exit', () => reject(new Error(`tshark has ended: ${messages}`)));
  });
  return {
    async read() {
      // What was captured takes a moment to be printed.
      await new Promise((resolve) => setTimeout(resolve, 1500));
      tshark.removeAllListeners('exit');
      const ended = once(tshark, 'close');
      tshark.kill('SIGINT');
      await ended;
      return text;
    },
  };
}

/** Of the packets of a window: it begins and ends where nothing is sent. */
function countPackets(text: string, port: number, { from, window }: Measurement): PacketCount {
  const epoch = Date.now() - now();
  const count = { packets: 0, bytes: 0, bytesIn: 0, bytesOut: 0 };
  for (const line of text.trim().split('\n')) {
    const [seconds, to, ipLength, tcpLength] = line.split('\t').map(Number) as [number, number, number, number];
    const time = seconds * 1000 - epoch;
    if (time < from || time >= from + window) continue;
    count.packets++;
    count.bytes += ipLength;
    if (to === port) count.bytesOut += tcpLength;
    else count.bytesIn += tcpLength;
  }
  return count;
}
