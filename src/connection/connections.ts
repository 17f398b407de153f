// The open connections of a server, and what those have counted that have ended.
import { countersOf, type Connection } from './connection.js';
import { Counters } from './counters.js';

export class Connections {
  readonly open = new Set<Connection>();
  /** How many there ever were. */
  opened = 0;
  readonly #ended = new Counters();

  enter(connection: Connection): void {
    this.open.add(connection);
    this.opened++;
  }

  leave(connection: Connection): void {
    this.open.delete(connection);
    this.#ended.add(countersOf(connection));
  }

  /** What all that there ever were have counted together. */
  sum(): Counters {
    const sum = new Counters();
    sum.add(this.#ended);
    for (const connection of this.open) sum.add(countersOf(connection));
    return sum;
  }
}
