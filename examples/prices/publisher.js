// The market, a process of its own: invents prices, and goes on from the last ones after a restart.
import { setTimeout as sleep } from 'node:timers/promises';
import { prices, symbols } from './feeds.js';

/** `count` says how many prices of the symbol there were. */
const latest = new Map();
for (const symbol of symbols) {
  const { updates: [last] } = await prices.feed(symbol).after('latest');
  latest.set(symbol, last?.value ?? { price: Math.exp(Math.random() * 6), count: 0 });
}
console.log('publishing');
for (let turn = 0;; turn++, await sleep(10)) {
  const symbol = symbols[(turn * 7) % symbols.length]; // all in turn, but not as the page has them
  const { price, count } = latest.get(symbol);
  latest.set(symbol, { price: price * (1 + (Math.random() - 0.5) / 100), count: count + 1 });
  await prices.feed(symbol).publish(latest.get(symbol)).catch(console.error); // while NATS is away
}
