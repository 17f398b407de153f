// A process that serves a feed whose log is in a broker. Its parameters are its port, the broker and the broker's port;
// it tells when it listens, and resets connections when it is told anything.
import { createFeed, createServer, serveFeed } from '../../src/index.js';
import { brokers, KEEP } from './brokers.js';
import { resetSockets } from './feed-sockets.js';

const [port, broker, brokerPort] = process.argv.slice(2);
const { log } = await brokers[broker!]!.open(Number(brokerPort));
const server = createServer();
server.route('/feed', serveFeed(createFeed({ log, keep: KEEP })));
await server.listen(Number(port), '127.0.0.1');
process.on('message', resetSockets);
process.on('disconnect', () => process.exit());
process.send!(server.address());
