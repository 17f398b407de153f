// Who is in which room, on all processes: each tells who is there by it, with every change and again and again.
import { randomUUID } from 'node:crypto';
import { createFeed } from 'twobyte';

/** Milliseconds. Whoever was there by a process that was killed is gone after at most both together. */
const [TELLING_INTERVAL, FORGETTING_TIME] = [5000, 15_000];

/** @param log that all processes share */
export function createPresence(log) {
  const process = randomUUID();
  const told = createFeed({ log });
  /** By name: who is there by this process, what each process has told, and the list of all. */
  const rooms = new Map();

  function roomOf(name) {
    if (!rooms.has(name)) rooms.set(name, { name, here: new Map(), heard: new Map(), list: createFeed({ keep: 1 }) });
    return rooms.get(name);
  }

  function tell({ name, here }) {
    if (!told.isEnded) told.publish({ process, room: name, names: [...here.values()] }).catch(console.error);
  }

  function show(room) {
    const names = [...new Set([...room.heard.values()].flatMap(({ names }) => names))].sort();
    const shown = JSON.stringify(names);
    if (shown !== room.shown) void room.list.publish(names);
    room.shown = shown;
    if (names.length + room.here.size === 0) rooms.delete(room.name);
  }

  setInterval(() => rooms.forEach((room) => {
    for (const [other, { at }] of room.heard) if (performance.now() - at > FORGETTING_TIME) room.heard.delete(other);
    if (room.here.size > 0) tell(room);
    show(room);
  }), TELLING_INTERVAL);

  void (async () => {
    for await (const { value: { process, room, names } } of told.from()) {
      roomOf(room).heard.set(process, { names, at: performance.now() });
      show(roomOf(room));
    }
  })();

  return {
    list: (name) => roomOf(name).list, // a feed of lists, of which the newest counts
    enter(name, person, signal) { // until the signal is aborted
      const room = roomOf(name);
      room.here.set(signal, person);
      signal.addEventListener('abort', () => room.here.delete(signal) && tell(room));
      tell(room);
    },
    end: () => told.end(), // not that all leave: they will be there by another process before they are forgotten
  };
}
