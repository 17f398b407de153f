// The names of `twobyte/events`, nothing else: connections for what was written for the package ws.
export { ConnectionEmitter } from './events/emitter.js';
export type { ConnectionEvents, EmitterSendOptions } from './events/emitter.js';
export { WebSocketServer } from './events/websocket-server.js';
export type { WebSocketServerOptions } from './events/websocket-server.js';
