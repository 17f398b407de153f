// The public names, nothing else.
export {
  ConnectionClosed, HandshakeError, HttpError, ignoreConnectionClosed, LogError, ProtocolError, TimeoutError,
  WebSocketError,
} from './errors.js';
export type { Close, Refusal } from './errors.js';
export { CloseCode } from './frame/close.js';
export type { Message } from './connection/assembler.js';
export type { PreparedMessage } from './connection/prepared.js';
export type { HeaderFields } from './http/fields.js';
export { broadcast, prepare } from './connection/broadcast.js';
export type { BroadcastOptions, BroadcastResult } from './connection/broadcast.js';
export { connectionPair } from './connection/pair.js';
export type { Connection, OpeningRequest, SendOptions } from './connection/connection.js';
export type { ConnectionStats, Counted } from './connection/counters.js';
export type { OpeningOptions } from './connection/opening.js';
export type { MessageSource, SourceOptions } from './connection/outgoing-message.js';
export type { StreamedMessage } from './connection/streamed-message.js';
export type { ConnectionState } from './connection/protocol.js';
export type { Sendable } from './connection/sendable.js';
export type { ConnectionOptions, DeflateOptions } from './connection/limits.js';
export type { WaitOptions } from './connection/wait-queue.js';
export { createServer } from './server/server.js';
export type { ListenOptions } from './server/listen-options.js';
export type { ProxyOptions, ServerOptions } from './server/options.js';
export type { CloseOptions, Server, ServerStats } from './server/server.js';
export type { RefusedRequest } from './server/refusal.js';
export type { Reply, ReplyParts } from './server/reply.js';
export type { Request, Traffic, WebSocketRequest } from './server/request.js';
export { createFeed } from './feed/feed.js';
export type { AfterOptions, Feed, FeedOptions } from './feed/feed.js';
export type { DiagnosticsEvents } from './feed/diagnostics.js';
export { createFeeds } from './feed/feeds.js';
export type { Feeds, FeedsOptions } from './feed/feeds.js';
export { checkLog } from './feed/check-log.js';
export type { Batch, Log, Update } from './feed/log.js';
export { serveFeed } from './feed/serve-feed.js';
export type { ServeFeedOptions } from './feed/serve-feed.js';
export { follow } from './feed/follow.js';
export type { FollowOptions, FollowState, Transport } from './feed/browser.js';
export { eventStream } from './feed/event-stream.js';
export type { ServerSentEvent } from './feed/event-stream.js';
export { upgrade } from './server/upgrade.js';
export { acceptWebSocket, requireWebSocket } from './server/websocket.js';
export type { Handler, WebSocketHandler, WebSocketOptions, WebSocketRoute } from './server/websocket.js';
export { connect } from './client/connect.js';
export type { ConnectOptions } from './client/connect.js';
export { reconnect } from './client/reconnect.js';
export type { ReconnectOptions, Retry } from './client/reconnect.js';
