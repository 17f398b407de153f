// The load generator: a process of its own that does what its parent tells it, with bytes made beforehand.
import { encodeNaive } from '../../test/support/codec/naive-codec.js';
import { inflateRawSync } from 'node:zlib';
import { decodeFirst } from '../../test/support/codec/naive-codec.js';
import { createCompressed, createFrames, createPayload, createTexts, type Content } from './frames.js';
import { openClients, type ClientOptions, type RawClient } from './raw-client.js';
import { openStreams, type RawStream } from './raw-session.js';
import { Run, type LoadResult } from './run.js';

/** Messages that go to an echo and back. */
export interface EchoLoad extends ClientOptions {
  readonly kind: 'echo';
  readonly connections: number;
  /** How many messages leave in one write; the next ones leave when all their echoes are there. */
  readonly inFlight: number;
  readonly content: Content;
  readonly size: number;
  /** How many sessions of HTTP/2 the connections share; without it each is a TCP connection of its own. */
  readonly sessions?: number;
}

/** Compressed messages that go to an echo and back, one at a time on each connection, all different. */
export interface DeflateLoad extends ClientOptions {
  readonly kind: 'deflate';
  readonly connections: number;
  readonly size: number;
}

/** Messages that one connection asks the server to send to all. */
export interface BroadcastLoad extends ClientOptions {
  readonly kind: 'broadcast';
  readonly connections: number;
  /** How many messages the server sends in one tick. */
  readonly perTick: number;
  /** Whether these are updates of a feed: then one more connection, to `/publish/`, asks for them. */
  readonly isFeed?: boolean;
}

/** Connections that send a ping each, spread over the time of a run. */
export interface PingLoad extends ClientOptions {
  readonly kind: 'ping';
  readonly connections: number;
}

/** A connection that reads little, opened first, and one that sends all it can, for a server that relays. */
export interface SlowLoad extends ClientOptions {
  readonly kind: 'slow';
  readonly size: number;
  /** How much is read in a second. */
  readonly bytesPerSecond: number;
}

/** Connections that are opened and cut again, one after the other. */
export interface ConnectLoad extends ClientOptions {
  readonly kind: 'connect';
  readonly atATime: number;
}

export type LoadOptions = EchoLoad | DeflateLoad | BroadcastLoad | PingLoad | SlowLoad | ConnectLoad;

export type LoadCommand =
  | { readonly do: 'open'; readonly name: string; readonly options: LoadOptions }
  | { readonly do: 'run'; readonly name: string; readonly milliseconds: number }
  | { readonly do: 'close'; readonly name: string };

interface Load {
  run(milliseconds: number): Promise<LoadResult>;
  close(): void;
}

async function openEcho(options: EchoLoad): Promise<Load> {
  const { content, size, inFlight, isBare = false, connections, sessions } = options;
  const { request, reply } = createFrames(content, createPayload(content, size));
  const burst = Buffer.concat(new Array<Buffer>(inFlight).fill(request));
  const expected = isBare ? burst : Buffer.concat(new Array<Buffer>(inFlight).fill(reply));
  const clients = sessions === undefined
    ? await openClients(connections, options)
    : await openStreams(connections, sessions, options.port);

  /** Sends bursts on one connection. @param isChecking whether the bytes that come back are compared. */
  const drive = (client: RawClient | RawStream, run: Run, isChecking: boolean): void => {
    let begun = 0;
    let missing = 0;
    const send = (): void => {
      begun = run.begin();
      missing = expected.length;
      client.write(burst);
    };
    client.onBytes = (received, length) => {
      const from = expected.length - missing;
      if (isChecking && expected.compare(received, 0, length, from, from + length) !== 0) {
        throw new Error('the echo is not what was sent');
      }
      missing -= length;
      if (missing === 0 && run.end(begun, inFlight)) send();
    };
    send();
  };
  const runAll = (milliseconds: number, isChecking: boolean): Promise<LoadResult> => {
    const run = new Run(milliseconds);
    for (const client of clients) drive(client, run, isChecking);
    return run.result;
  };
  let isChecked = false;
  return {
    async run(milliseconds) {
      if (!isChecked) await runAll(0, true);
      isChecked = true;
      return await runAll(milliseconds, false);
    },
    close: () => close(clients),
  };
}

async function openDeflate(options: DeflateLoad): Promise<Load> {
  const texts = createTexts(options.size);
  const messages = texts.map(createCompressed);
  const clients = await openClients(options.connections, { ...options, extensions: 'permessage-deflate' });
  const positions = clients.map((_, index) => index % messages.length);

  const drive = (index: number, run: Run, isChecking: boolean): void => {
    const { socket } = clients[index];
    let begun = 0;
    /** What came of a frame whose length is not known yet, or which is to be checked. */
    let gathered = Buffer.alloc(0);
    let missing = 0;
    const send = (): void => {
      begun = run.begin();
      socket.write(messages[positions[index]]);
    };
    const finish = (): void => {
      if (isChecking) check(gathered, texts[positions[index]]);
      gathered = Buffer.alloc(0);
      positions[index] = (positions[index] + 1) % messages.length;
      if (run.end(begun, 1)) send();
    };
    clients[index].onBytes = (received, length) => {
      run.bytes += length;
      if (missing === 0 || isChecking) {
        gathered = Buffer.concat([gathered, received.subarray(0, length)]);
        const whole = frameLength(gathered);
        if (whole === null) return;
        missing = whole - gathered.length;
      } else {
        missing -= length;
      }
      if (missing === 0) finish();
    };
    send();
  };
  const runAll = (milliseconds: number, isChecking: boolean): Promise<LoadResult> => {
    const run = new Run(milliseconds);
    for (let index = 0; index < clients.length; index++) drive(index, run, isChecking);
    return run.result;
  };
  await runAll(0, true);
  return { run: (milliseconds) => runAll(milliseconds, false), close: () => close(clients) };
}

/** Of an unmasked frame, its header included; `null` if that is not whole. */
function frameLength(bytes: Buffer): number | null {
  if (bytes.length < 2) return null;
  if (bytes[1] < 126) return 2 + bytes[1];
  if (bytes[1] === 126) return bytes.length < 4 ? null : 4 + bytes.readUInt16BE(2);
  return bytes.length < 10 ? null : 10 + Number(bytes.readBigUInt64BE(2));
}

/** The first answer of a connection refers to no other. */
function check(frame: Buffer, text: string): void {
  const { rsv1, payload } = decodeFirst(frame)!.frame;
  if (!rsv1) throw new Error('the echo is not compressed');
  const inflated = inflateRawSync(Buffer.concat([payload, Buffer.from('0000ffff0300', 'hex')]));
  if (inflated.toString() !== text) throw new Error('the echo is not what was sent');
}

async function openBroadcast(options: BroadcastLoad): Promise<Load> {
  const { perTick, isBare = false, isFeed = false } = options;
  const clients = await openClients(options.connections, options);
  const [first] = isFeed ? await openClients(1, { ...options, path: '/publish/' }) : clients;
  const payload = Buffer.from(`${perTick}`);
  const request = isBare ? payload : createFrames('ASCII', payload).request;
  const deliveries = clients.length * perTick;
  // An update has an id, whose length isn't known: these are counted one by one.
  const expected = isFeed ? deliveries : deliveries * (2 + 32);
  const counts = clients.map(() => (isFeed ? frameCounter() : (_: Buffer, length: number) => length));

  const runAll = (milliseconds: number): Promise<LoadResult> => {
    const run = new Run(milliseconds);
    let begun = 0;
    let missing = 0;
    const send = (): void => {
      begun = run.begin();
      missing = expected;
      first.socket.write(request);
    };
    for (const [index, client] of clients.entries()) {
      const count = counts[index];
      client.onBytes = (received, length) => {
        const counted = count(received, length);
        missing -= counted;
        if (missing === 0 && counted > 0 && run.end(begun, deliveries)) send();
      };
    }
    send();
    return run.result;
  };
  await runAll(0);
  return { run: runAll, close: () => close(isFeed ? [first, ...clients] : clients) };
}

/** @returns how many short binary frames have ended in what has come. */
function frameCounter(): (received: Buffer, length: number) => number {
  let first = -1;
  let left = 0;
  let isBinary = false;
  return (received, length) => {
    let count = 0;
    for (let position = 0; position < length; ) {
      if (left > 0) {
        const taken = Math.min(left, length - position);
        position += taken;
        left -= taken;
        if (left === 0 && isBinary) count++;
      } else if (first === -1) {
        first = received[position++];
      } else {
        isBinary = first === 0x82;
        left = received[position++];
        first = -1;
      }
    }
    return count;
  };
}

async function openPing(options: PingLoad): Promise<Load> {
  const maskingKey = Buffer.from('37fa213d', 'hex');
  const control = (opcode: number): Buffer => encodeNaive({ opcode, payload: Buffer.alloc(0), maskingKey });
  const [ping, pong] = [control(9), control(0xa)];
  // The server asks too who is alive. Neither its pings nor its pongs have a payload: two bytes each.
  const listen = (client: RawClient, onPong: () => void): void => {
    client.onBytes = (received, length) => {
      for (let position = 0; position < length; position += 2) {
        if (received[position] === 0x89) client.socket.write(pong);
        else onPong();
      }
    };
  };
  let isOver = false;
  const clients = await openClients(options.connections, options, (client) => {
    listen(client, () => {});
    client.socket.on('close', () => {
      if (!isOver) throw new Error('the server has cut a connection');
    });
  });
  return {
    async run(milliseconds) {
      const run = new Run(milliseconds);
      const start = performance.now();
      const pongs = clients.map(async (client, index) => {
        const due = start + (milliseconds * index) / clients.length;
        await new Promise((resolve) => setTimeout(resolve, due - performance.now()));
        const begun = run.begin();
        client.socket.write(ping);
        await new Promise<void>((resolve) => listen(client, resolve));
        run.end(begun, 1);
      });
      await Promise.all(pongs);
      return run.sum();
    },
    close() {
      isOver = true;
      close(clients);
    },
  };
}

async function openSlow(options: SlowLoad): Promise<Load> {
  const [consumer] = await openClients(1, options);
  const [producer] = await openClients(1, options);
  const { request } = createFrames('binary', createPayload('binary', options.size));
  const TICK_MILLISECONDS = 50;
  const share = (options.bytesPerSecond * TICK_MILLISECONDS) / 1000;
  let received = 0;
  let left = share;
  consumer.onBytes = (_received, length) => {
    received += length;
    left -= length;
    if (left <= 0) consumer.socket.pause();
  };
  const flood = (): void => {
    while (producer.socket.write(request));
  };
  return {
    async run(milliseconds) {
      const run = new Run(milliseconds);
      const timer = setInterval(() => {
        left += share;
        if (left > 0) consumer.socket.resume();
      }, TICK_MILLISECONDS);
      producer.socket.on('drain', flood);
      flood();
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      clearInterval(timer);
      producer.socket.off('drain', flood);
      run.messages = received / options.size;
      return run.sum();
    },
    close: () => close([consumer, producer]),
  };
}

function openConnect(options: ConnectLoad): Load {
  return {
    async run(milliseconds) {
      const run = new Run(milliseconds);
      let count = 0;
      const drive = async (): Promise<void> => {
        for (let isTime = true; isTime; ) {
          const begun = run.begin();
          const [client] = await openClients(1, { ...options, localAddress: `127.0.0.${1 + (count++ % 200)}` });
          cut(client);
          isTime = run.end(begun, 1);
        }
      };
      await Promise.all(Array.from({ length: options.atATime }, drive));
      return await run.result;
    },
    close: () => {},
  };
}

function close(clients: readonly (RawClient | RawStream)[]): void {
  for (const client of clients) cut(client);
}

/** A reset leaves no port behind in TIME-WAIT; a TLS socket has none. */
function cut({ socket }: RawClient | RawStream): void {
  if ('encrypted' in socket) socket.destroy();
  else socket.resetAndDestroy();
}

function open(options: LoadOptions): Load | Promise<Load> {
  switch (options.kind) {
    case 'echo':
      return openEcho(options);
    case 'deflate':
      return openDeflate(options);
    case 'broadcast':
      return openBroadcast(options);
    case 'ping':
      return openPing(options);
    case 'slow':
      return openSlow(options);
    case 'connect':
      return openConnect(options);
  }
}

const loads = new Map<string, Load>();

async function obey(command: LoadCommand): Promise<LoadResult | null> {
  if (command.do === 'open') {
    loads.set(command.name, await open(command.options));
    return null;
  }
  const load = loads.get(command.name)!;
  if (command.do === 'run') return await load.run(command.milliseconds);
  load.close();
  loads.delete(command.name);
  return null;
}

process.on('message', (command: LoadCommand) => void obey(command).then((result) => process.send!(result ?? {})));
process.on('disconnect', () => process.exit());
