// One way to get updates to the page: what it has cost, as the server counts, and what its picture shows.
import { find } from '../home/find.js';

/** @typedef {'polling' | 'long-polling' | 'streaming' | 'websocket'} LaneName */

/**
 * What the server has counted.
 * @typedef {object} Counts
 * @property {number} requests
 * @property {number} wasted
 * @property {number} bytesRead
 * @property {number} bytesWritten
 * @property {number} bytesWasted
 */

/**
 * When a request was sent and answered, or a connection opened and closed.
 * @typedef {{ start: number, end: number | null, isNews: boolean, isHeld: boolean }} LaneRequest
 */

/**
 * What the lanes of a race have in common.
 * @typedef {object} Race
 * @property {WebSocket} socket the control connection
 * @property {number} poll milliseconds between two requests of polling
 * @property {(path: string) => URL} address
 * @property {number} clockOffset milliseconds by which the server's clock is ahead
 * @property {number} oneWay milliseconds from the server to the page
 * @property {number} pings
 */

/** Updates over which the delay is taken. */
const DELAYS = 50;

export const number = new Intl.NumberFormat('en');

/** Milliseconds since 1970 by the clock of this machine. */
export function now() {
  return performance.timeOrigin + performance.now();
}

export class Lane {
  /**
   * @param {LaneName} id
   * @param {Race} race
   */
  constructor(id, race) {
    this.id = id;
    this.race = race;
    this.element = find(document, `#${id}`, HTMLElement);
    this.canvas = find(this.element, 'canvas', HTMLCanvasElement);
    /** The number of the last update. */
    this.last = 0;
    /** @type {number[]} */
    this.delays = [];
    /** @type {Counts} */
    this.counts = { requests: 0, wasted: 0, bytesRead: 0, bytesWritten: 0, bytesWasted: 0 };
    /**
     * What the picture shows: requests, or connections; and updates.
     * @type {LaneRequest[]}
     */
    this.requests = [];
    /** @type {{ published: number, arrived: number }[]} */
    this.updates = [];
    /** @type {(isLeft: boolean) => void | Promise<void>} */
    this.stop = () => {};
  }

  get bytes() {
    return this.counts.bytesRead + this.counts.bytesWritten;
  }

  /**
   * @param {boolean} isHeld whether the server may take its time
   * @returns {LaneRequest}
   */
  open(isHeld) {
    /** @type {LaneRequest} */
    const request = { start: now(), end: null, isNews: false, isHeld };
    this.requests.push(request);
    return request;
  }

  /**
   * @param {LaneRequest} request
   * @param {boolean} isNews
   */
  close(request, isNews) {
    request.end = now();
    request.isNews = isNews;
  }

  /**
   * Notes an update that has arrived.
   * @param {{ at: number }} update
   */
  take({ at }) {
    const arrived = now();
    const published = Math.min(at - this.race.clockOffset, arrived);
    this.last++;
    this.delays.push(arrived - published);
    if (this.delays.length > DELAYS) this.delays.shift();
    this.updates.push({ published, arrived });
  }

  /**
   * Asks for what is new.
   * @param {'polling' | 'long-polling'} path
   * @param {AbortSignal} signal
   * @param {boolean} isHeld
   */
  async fetch(path, signal, isHeld) {
    const request = this.open(isHeld);
    let isNews = false;
    try {
      const response = await fetch(this.race.address(`${path}?after=${this.last}`), { signal });
      if (!response.ok) throw new Error('answered with ' + response.status);
      if (response.status === 204) return;
      const { updates } = await response.json();
      for (const update of updates) this.take(update);
      isNews = true;
    } finally {
      this.close(request, isNews);
    }
  }

  /**
   * Writes its numbers.
   * @param {number} most the bytes of the lane that has the most
   */
  show(most) {
    const { counts, delays, bytes } = this;
    this.#fill('.all', most === 0 ? 0 : bytes / most);
    this.#fill('.wasted', most === 0 ? 0 : counts.bytesWasted / most);
    this.#write('bytes', number.format(bytes));
    this.#write('each', this.last === 0 ? '–' : number.format(Math.round(bytes / this.last)) + ' B');
    this.#write('requests', number.format(counts.requests));
    this.#write('wasted', number.format(counts.wasted));
    this.#write('delay', delays.length === 0 ? '–' : formatTime(median(delays)));
  }

  /**
   * @param {string} part of the bar
   * @param {number} share
   */
  #fill(part, share) {
    find(this.element, part, HTMLElement).style.width = 100 * share + '%';
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  #write(name, text) {
    find(this.element, `[data-value="${name}"]`, HTMLElement).textContent = text;
  }
}

/** @param {number[]} list */
function median(list) {
  const sorted = list.slice().sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** @param {number} milliseconds */
function formatTime(milliseconds) {
  if (milliseconds < 9.95) return milliseconds.toFixed(1) + ' ms';
  if (milliseconds < 999.5) return milliseconds.toFixed(0) + ' ms';
  return (milliseconds / 1000).toFixed(1) + ' s';
}
