// Finds dead peers: one timer for many connections pings the silent ones and gives up those that stay silent.
import type { Connection } from './connection.js';

export class KeepAlive {
  readonly #interval: number;
  readonly #connections = new Set<Connection>();
  #timer: NodeJS.Timeout | null = null;

  /** @param interval milliseconds of silence until a ping, and again until the connection counts as dead; 0 never. */
  constructor(interval: number) {
    this.#interval = interval;
  }

  add(connection: Connection): void {
    if (this.#interval === 0) return;
    this.#connections.add(connection);
    // It must not keep a process alive that has nothing else to do.
    this.#timer ??= setInterval(() => this.#check(), this.#interval).unref();
  }

  delete(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #check(): void {
    for (const connection of this.#connections) connection.checkLife();
  }
}
