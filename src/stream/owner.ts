// Tells the owner of a stream what happens on it: HTTP at first, later a WebSocket connection.
import type { Duplex } from 'node:stream';
import { shareReadBuffer } from './read-buffer.js';
import { holdWriteErrors } from './write-errors.js';

/** What is told what happens on a stream. */
export interface StreamOwner {
  /** @param chunk must not be referred to once this returns: its memory may be read into again. */
  receive(chunk: Buffer): void;
  /** The peer has ended its side. */
  receiveEnd(): void;
  /** What was written has left. */
  drain(): void;
  receiveError(error: Error): void;
  /** The stream is gone; the last call. */
  conclude(): void;
}

const OWNER = Symbol('owner');

type OwnedStream = Duplex & { [OWNER]?: StreamOwner };

/**
 * Makes `owner` the one that is told what happens on the stream, instead of the owner before. All streams share the
 * listeners: closures for each would be a fifth of an idle connection (bench memory).
 */
export function setOwner(stream: Duplex, owner: StreamOwner): void {
  const owned = stream as OwnedStream;
  const isNew = owned[OWNER] === undefined;
  owned[OWNER] = owner;
  if (!isNew) return;
  shareReadBuffer(stream);
  holdWriteErrors(stream);
  stream.on('error', receiveError).on('close', conclude).on('end', receiveEnd).on('drain', drain).on('data', receive);
}

function receive(this: OwnedStream, chunk: Buffer): void {
  this[OWNER]!.receive(chunk);
}

function receiveEnd(this: OwnedStream): void {
  this[OWNER]!.receiveEnd();
}

function drain(this: OwnedStream): void {
  this[OWNER]!.drain();
}

function receiveError(this: OwnedStream, error: Error): void {
  this[OWNER]!.receiveError(error);
}

function conclude(this: OwnedStream): void {
  const owner = this[OWNER]!;
  // Node keeps a closed socket for a while, and with it all that it refers to.
  this[OWNER] = nobody;
  owner.conclude();
}

const ignore = (): void => {};
const nobody: StreamOwner = {
  receive: ignore, receiveEnd: ignore, drain: ignore, receiveError: ignore, conclude: ignore,
};
