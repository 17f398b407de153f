// A process that serves a feed whose log is in a broker. Its parameters are its port, the broker and the broker's port;
// it tells when it listens.
import { createFeed, createServer, serveFeed } from '../../src/index.js';
import { brokers } from './brokers.js';

const [port, broker, brokerPort] = process.argv.slice(2);
const { log } = await brokers[broker!]!.open(Number(brokerPort));
const server = createServer();
server.route('/feed', serveFeed(createFeed({ log })));
await server.listen(Number(port), '127.0.0.1');
process.send!(server.address());
process.on('disconnect', () => process.exit());
