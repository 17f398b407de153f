// Figures for OpenTelemetry by its API alone: who starts the program chooses the SDK and where it exports to.
import { subscribe } from 'node:diagnostics_channel';
import { metrics } from '@opentelemetry/api';

/** Call it once for each server, after the SDK was set up. */
export function observe(server, meter = metrics.getMeter('twobyte')) {
  const open = meter.createObservableUpDownCounter('websocket.connections', { unit: '{connection}' });
  open.addCallback((result) => result.observe(server.stats.open));

  const messages = meter.createObservableCounter('websocket.messages', { unit: '{message}' });
  const bytes = meter.createObservableCounter('websocket.wire', { unit: 'By' });
  meter.addBatchObservableCallback((result) => {
    const { stats } = server;
    for (const direction of ['received', 'sent']) {
      result.observe(messages, stats[direction].messages, { direction });
      result.observe(bytes, stats[direction].wireBytes, { direction });
    }
  }, [messages, bytes]);

  const sizes = meter.createHistogram('websocket.message.size', { unit: 'By' });
  subscribe('twobyte:message', ({ connection, direction, byteLength }) => {
    if (server.connections.has(connection)) sizes.record(byteLength, { direction });
  });

  const refused = meter.createCounter('websocket.refused', { unit: '{handshake}' });
  subscribe('twobyte:handshake:refused', ({ error }) => refused.add(1, { code: error.code }));
}
