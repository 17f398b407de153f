// Tests that are left out on Bun or Deno, or on some versions of Node.js, and why: all that CI does not prove there.

interface Exception {
  /** Why it can't be run there. */
  readonly reason: string;
  /** The files whose path begins so. */
  readonly files?: readonly string[];
  /** Tests, each by the name of its suite, a colon, a space, and how its own name begins. */
  readonly tests?: readonly string[];
}

const notTheLibrary: readonly Exception[] = [
  { files: ['bench/', 'run.test', 'package.test'], reason: 'it is no test of the library' },
  { files: ['cli/', 'cli.test'], reason: 'the command twobyte runs on Node.js' },
  {
    files: ['doors/conformance', 'doors/frameworks', 'examples/', 'fuzz/', 'interop/'],
    reason: 'the peers talk to the library on Node.js',
  },
];

/** Where a test counts or replaces what only Node.js lets it. */
const notVisible: readonly Exception[] = [
  {
    tests: [
      'the shared read buffer: chunks of all sockets', 'the shared read buffer: the next read of a socket fills',
      'the shared read buffer: no more is read into', 'the shared read buffer: asked for while no chunk',
      'the shared read buffer: what asks for another stream',
    ],
    reason: 'each read has memory of its own, as nothing proves that another would be used',
  },
  {
    files: ['client/reconnect.test'],
    tests: [
      'RFC 6455 §5 framing: 5.3-3 client', 'RFC 6455 §7 closing: 7.2.3-', 'security: deflate: a gibibyte of zeros',
      'security: deflate: a compressed payload that is longer', 'security: deflate: a message of final blocks',
      'security: deflate: zlib without memory',
    ],
    reason: 'the pauses, random numbers and zlib of the runtime cannot be replaced (syncBuiltinESMExports)',
  },
  {
    tests: ['errors: a server whose peer leaves while a timer sends'],
    reason: 'the script that it starts, and what ends a process, are those of Node.js',
  },
  {
    tests: [
      'http: a client that leaves or does not read: an AbortError is told while',
      'websocket: how a handler ends: an AbortError on a connection',
    ],
    reason: 'an AbortError has other words',
  },
];

const exceptions: Readonly<Record<string, readonly Exception[]>> = {
  bun: [
    ...notTheLibrary,
    ...notVisible,
    {
      tests: [
        'the shared read buffer: a paused socket', 'load: floods: a slow handler under a flooding client',
        'load: floods: pings of a client that never reads',
        'http: a client that leaves or does not read: 10,000 pipelined requests',
      ],
      reason: 'one read brings up to 512 KiB, also just after pause(), and the test expects 64',
    },
    {
      tests: ['attach-http2: any other error of a stream', 'client/session: a stream that is reset by an error'],
      reason: 'a stream of HTTP/2 does not tell that it was reset by an error',
    },
    {
      tests: ['attach: what node:http lets through'],
      reason: 'a fragment is cut from the target before',
    },
    {
      tests: ["stream owner: a closed stream doesn't keep its owner"],
      reason: 'its collector leaves what the stack only seems to refer to',
    },
    {
      tests: ['feeds: one that nobody has'],
      reason: 'garbage is not collected when a test asks for it',
    },
    {
      tests: ['the shared read buffer: a handle that reads elsewhere'],
      reason: 'sockets have no handle',
    },
    {
      tests: [
        'Ending: what broke the stream', 'WaitQueue: a waiter that was served has no timer',
        'WaitQueue: an aborted wait has no timer',
        'exchange: reading the body: no timer is left', 'feed: waiting: no timer and no listener is left',
        'response: streams: a client that goes while it is waited for', 'race: the control connection: no timer',
        'news: nothing is left of one that is stopped',
      ],
      reason: 'timers cannot be counted (getActiveResourcesInfo)',
    },
    {
      tests: ['server/tls: a client that sends nothing behind its TLS handshake'],
      reason: 'the time of the TLS handshake is one of the timers that the test holds',
    },
    {
      tests: ["server/tls: a client's certificate reaches authorize, attached"],
      reason: 'the sockets of its node:https do not tell the certificate',
    },
    {
      tests: ['refusal: onRefuse: and over it on a Unix socket'],
      reason: 'when a write fails, what has arrived before is lost',
    },
    {
      tests: ['connection/assembler: a 16 MiB message'],
      reason: 'the heap is not counted to the byte',
    },
  ],
  deno: [
    ...notTheLibrary,
    ...notVisible,
    {
      files: ['conformance/7692-deflate.test'],
      tests: [
        'client/connect: the request: §1.3, §4.1: its bytes', 'RFC 6455 §4.1 client handshake: 4.1-13',
        'RFC 6455 §9 extensions: 9-1 server',
        'client/connect: answers that are no upgrade: RFC 7692 §7.1.3: a server that can',
        'broadcast: server: compressed where', 'broadcast: client: compressed where',
        'Connection, deflate, server: compressed messages arrive',
        'Connection, deflate, client: compressed messages arrive', 'limits: deflate: ',
        'frame/deflater: §7.2.3.2 with context takeover', 'frame/deflater: a message refers to one of',
        'frame/deflater: off the loop: the next message refers', 'frame/deflation: §7.2.3.2',
        'frame/decode: RFC 7692 §7.2.3.2',
        'frame/decode: RFC 7692 §6 a message that is not compressed',
        'frame/decode: RFC 7692 after a compressed message',
        'frame/inflater: a reference behind a final block', 'frame/inflater: §7.2.3.2 with context takeover',
        'frame/inflater: a stream of zlib', 'frame/inflater: a message that is too long has not been there',
        'frame/inflation: a reference behind a final block', 'frame/inflation: §7.2.2 with context takeover',
        'connection/piece-inflater: server: those after it', 'connection/piece-inflater: client: those after it',
        'connection/piece-inflater: server: final blocks', 'connection/piece-inflater: client: final blocks',
        'connection/piece-inflater: a message may be asked for',
        'connection/piece-inflater: a socket that waits for zlib',
        'connection/piece-inflater: one who leaves', 'connection/piece-inflater: §1.4 after our Close one that nobody',
        'connection/piece-inflater: §1.4 after our Close the message after it',
        'connection/outgoing-deflate, server: §7.2.3.2', 'connection/outgoing-deflate, client: §7.2.3.2',
        'connection/outgoing-deflate, server: §7.1.1', 'connection/outgoing-deflate, client: §7.1.1',
        'security: handshakes: server: parameters of permessage-deflate',
        'security: handshakes: thousands of offers',
      ],
      reason: 'zlib ignores a dictionary, so there is no context takeover',
    },
    {
      tests: ['feeds: one that nobody has'],
      reason: 'garbage is not collected when a test asks for it',
    },
    {
      tests: ['client/faults: a reset behind each byte', 'client/socket: TLS: a server that is silent in the TLS'],
      reason: 'a reset may come as EPIPE of a write, or as an end',
    },
    {
      tests: ['client/connect: answers that are no upgrade: a host of several addresses'],
      reason: 'a socket does not look up its host by node:dns, where the test stands in',
    },
    {
      tests: ['faults: a write that fails: server, wss'],
      reason: 'a write over TLS that fails ends reading',
    },
    {
      tests: ['RFC 8441 §3 to 5: 8441/4-1 server'],
      reason: 'a malformed request of HTTP/2 ends the connection, not its stream',
    },
    {
      tests: ['server/tls: a key or certificate that is none', 'server/tls: setSecureContext: a key that is none'],
      reason: 'a key that is none is told by the first handshake only',
    },
    {
      tests: ['faults: closing out of order: Close frames that cross, cut at every byte'],
      reason: 'which of two sockets is read first differs from one time to the next',
    },
  ],
};

/** CI runs these on one version of Node.js; the others get `LIGHT=true`. */
const heavy: readonly Exception[] = [
  { files: ['doors/conformance'], reason: 'what a door does by itself, test/doors/doors.test.ts tests on all' },
  { files: ['interop/chromium', 'interop/firefox'], reason: 'a browser is as it is on any version: it is run on one' },
  { files: ['interop/proxies.test'], reason: 'proxies are as they are on any version: they are run on one' },
  { files: ['examples/'], reason: 'frameworks are as they are on any version: they are run on one' },
  { files: ['package/'], reason: 'compilers, linters and npm are as they are on any version: they are run on one' },
];

/** Whether what is heavy and doesn't depend on the version of Node.js is left out, or cut short. */
export const isLight = process.env['LIGHT'] === 'true';

const runtime = ['bun', 'deno'].find((name) => name in process.versions) ?? 'Node.js';
const ours = exceptions[runtime] ?? (isLight ? heavy : []);

/**
 * Why a test is left out on this runtime; `null` if it is not.
 * @param place the name of its suite, or the path of a file if `test` is empty: then all of it is left out.
 */
export function exceptionOf(place: string, test: string): string | null {
  const isMeant = ({ files = [], tests = [] }: Exception): boolean =>
    test === ''
      ? files.some((path) => place.startsWith(path))
      : tests.some((name) => `${place}: ${test}`.startsWith(name));
  const found = ours.find(isMeant);
  return found === undefined ? null : `on ${runtime}, ${found.reason}`;
}
