// A process that serves a feed whose log is in Redis; its parameters are the ports of both. It tells when it listens.
import { createFeed, createServer, serveFeed } from '../../src/index.js';
import { redisLog } from '../../src/feed/redis.js';
import { clients } from './redis-clients.js';

const [port, redisPort] = process.argv.slice(2).map(Number);
const { client } = await clients['redis']!(redisPort!);
const server = createServer();
server.route('/feed', serveFeed(createFeed({ log: redisLog(client, 'feed') })));
await server.listen(port, '127.0.0.1');
process.send!(server.address());
process.on('disconnect', () => process.exit());
