// What a server of a bench is told: its role, key and certificate if it is to speak TLS, whether to compress, and when
// to ask a silent client whether it is alive.
// echo: each message goes back. broadcast: a message holding a number N sends N messages of 32 bytes to everyone.
// feed: the same message to /publish/ becomes updates of a feed, which all others read; ours only.
// relay: what anyone sends goes to the connection that was opened first.
export const { role = 'echo', style, tls, deflate, keepAliveInterval } = JSON.parse(process.argv[2] ?? '{}');
export const announcement = Buffer.alloc(32, 'x');

/** Tells the bench the port, and answers its questions about memory where the runtime can. */
export function ready(port) {
  console.log(port);
  process.on?.('message', () => {
    globalThis.gc?.();
    process.send(process.memoryUsage());
  });
  process.on?.('disconnect', () => process.exit());
}
