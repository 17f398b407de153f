// The race over real sockets: its control connection, its ticker, its bytes to the byte, its limits, and its end.
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { addRaceRoutes, type Race, type RaceLimits } from '../../src/demo/race.js';
import { numberOf } from '../../src/demo/transports.js';
import { httpRequest, RawClient, upgradeRequest } from '../support/peers/raw-client.js';
import { suite } from '../runner/suite.js';
import {
  assertRefusal, countTimers, FIRST_COMMENT, get, PLAIN_REFUSAL, serve, until, type Served,
} from '../server/harness.js';

interface Message {
  readonly race?: string;
  readonly over?: boolean;
  readonly lanes?: Record<string, object>;
  readonly time?: number;
  readonly now?: number;
}

interface Running extends AsyncDisposable {
  readonly served: Served;
  readonly races: ReadonlyMap<string, Race>;
}

async function run(limits?: RaceLimits): Promise<Running> {
  // As `twobyte serve` has it.
  const served = await serve({}, { deflate: true });
  const races = addRaceRoutes(served.server, limits);
  return { served, races, [Symbol.asyncDispose]: () => served[Symbol.asyncDispose]() };
}

/** Opens a control connection, and reads the name of its race. */
async function start({ served }: Running, query = '?interval=10000'): Promise<{ control: RawClient; name: string }> {
  const control = await RawClient.connect(served.port);
  await control.upgrade(`/race/control${query}`);
  const { race } = await read(control);
  return { control, name: race! };
}

async function read(control: RawClient): Promise<Message> {
  return JSON.parse((await control.readFrame()).payload.toString()) as Message;
}

/** The next message with that field. */
async function readWith(control: RawClient, field: keyof Message): Promise<Message> {
  for (;;) {
    const message = await read(control);
    if (field in message) return message;
  }
}

/** Reads until the counts are these; a few reports may have been on their way before. */
async function readReport(control: RawClient, expected: object): Promise<void> {
  for (let report = 0; report < 20; report++) {
    const { lanes } = await readWith(control, 'lanes');
    if (JSON.stringify(lanes) === JSON.stringify(expected)) return;
  }
  assert.equal((await readWith(control, 'lanes')).lanes, expected);
}

/** The code of the Close frame, behind whatever else comes. */
async function readClose(control: RawClient): Promise<number> {
  for (;;) {
    const { opcode, payload } = await control.readFrame();
    if (opcode === 8) return payload.readUInt16BE();
  }
}

const control = suite('race: the control connection');

control('it names its race, which ends with it', async () => {
  await using running = await run();
  const first = await start(running);
  const second = await start(running);
  assert.match(first.name, /^1-[0-9a-z]+$/);
  assert.match(second.name, /^2-[0-9a-z]+$/);
  assert.equal([...running.races.keys()], [first.name, second.name]);
  await first.control[Symbol.asyncDispose]();
  await until('the race is over', () => running.races.size === 1);
  second.control.sendFrame(8, Buffer.from([0x03, 0xe8]));
  assert.is(await readClose(second.control), 1000);
  await until('the race is over', () => running.races.size === 0);
  await second.control[Symbol.asyncDispose]();
});

control('it answers the time of a page with that and its own', async () => {
  await using running = await run();
  await using client = (await start(running)).control;
  const before = Date.now();
  client.sendFrame(1, '{"time":1234.5}');
  const { time, now } = await readWith(client, 'time');
  assert.is(time, 1234.5);
  assert.ok(now! > before - 1000 && now! < Date.now() + 1000);
});

for (const message of ['', 'null', '17', '{"time":"now"}', '{"tim":1}', '{', '[]', '\u0000']) {
  control(`${JSON.stringify(message)} closes it with 1008`, async () => {
    await using running = await run();
    await using client = (await start(running)).control;
    client.sendFrame(1, message);
    assert.is(await readClose(client), 1008);
  });
}

control('a long message closes it with 1009', async () => {
  await using running = await run();
  await using client = (await start(running)).control;
  client.sendFrame(1, 'x'.repeat(101));
  assert.is(await readClose(client), 1009);
});

control('one race too many is turned away with 4013, until another ends', async () => {
  await using running = await run({ maxRaces: 1 });
  const first = await start(running);
  await using second = await RawClient.connect(running.served.port);
  await second.upgrade('/race/control');
  assert.is(await readClose(second), 4013);
  await first.control[Symbol.asyncDispose]();
  await until('the race is over', () => running.races.size === 0);
  await using third = (await start(running)).control;
  assert.is(third.error, null);
});

control('a race ends after its time', async () => {
  await using running = await run({ maxDuration: 1 });
  await using client = (await start(running)).control;
  assert.equal(await readWith(client, 'over'), { over: true });
  assert.is(await readClose(client), 1000);
});

control('no timer is left behind', async () => {
  const before = countTimers();
  await using running = await run();
  const { control: client } = await start(running);
  assert.ok(countTimers() > before);
  await client[Symbol.asyncDispose]();
  await until('the race is over', () => running.races.size === 0);
  await until('its timers are gone', () => countTimers() <= before);
});

control.run();

const ticker = suite('race: the ticker');

ticker('updates come by themselves, of the size that was asked for', async () => {
  await using running = await run();
  const sizes = [['interval=100&size=200', 200], ['interval=1', 50], ['interval=100&size=9e9', 10_000]] as const;
  for (const [query, size] of sizes) {
    const { control: client, name } = await start(running, `?${query}`);
    const { feed } = running.races.get(name)!;
    const first = await feed.after('all', { wait: 60_000 });
    const second = await feed.after(first.place, { wait: 60_000 });
    const updates = [...first.updates, ...second.updates];
    assert.equal(updates.map(numberOf), [1, 2]);
    for (const { value } of updates) {
      assert.is(Buffer.byteLength(value), size);
      const { at, price } = JSON.parse(value) as { at: number; price: number };
      assert.ok(Math.abs(at - Date.now()) < 60_000 && price >= 10 && price <= 900, value);
    }
    await client[Symbol.asyncDispose]();
  }
});

const settings: readonly [query: string, interval: number, size: number][] = [
  ['', 1000, 50],
  ['?interval=300&size=777', 300, 777],
  ['?interval=x&size=', 1000, 50],
  ['?interval=0&size=NaN', 1000, 50],
  ['?interval=-5&size=-1', 100, 50],
  ['?interval=1e9&size=1e999', 10_000, 10_000],
];

for (const [query, interval, size] of settings) {
  ticker(`with ${query || 'no query'} it runs within its bounds`, async () => {
    await using running = await run();
    const { control: client, name } = await start(running, query);
    const race = running.races.get(name)!;
    assert.equal([race.interval, race.size], [interval, size]);
    await client[Symbol.asyncDispose]();
  });
}

ticker('it stops with the race', async () => {
  await using running = await run();
  const { control: client, name } = await start(running, '?interval=100');
  const { feed } = running.races.get(name)!;
  await feed.after('all', { wait: 60_000 });
  await client[Symbol.asyncDispose]();
  await until('the race is over', () => running.races.size === 0);
  const { place } = await feed.after('now');
  await sleep(200);
  assert.is((await feed.after('now')).place, place);
});

ticker.run();

const lanes = suite('race: the lanes');

lanes('every byte of a lane is counted, and none besides', async () => {
  await using running = await run();
  const { control: client, name } = await start(running);
  await using controlling = client;
  const race = running.races.get(name)!;
  await using http = await RawClient.connect(running.served.port);
  // One connection for all, as a browser does it; what is not of the race does not count.
  const ask = async (path: string): Promise<[number, number]> => {
    const text = get(path);
    http.write(text);
    const { head, body } = await http.readResponse();
    return [text.length, head.length + body.length];
  };
  await ask('/');
  const [wastedRead, wastedWritten] = await ask(`/race/${name}/polling?after=0`);
  await ask('/race/style.css');
  void race.feed.publish('"first"');
  const [pollRead, pollWritten] = await ask(`/race/${name}/polling?after=0`);
  const [longRead, longWritten] = await ask(`/race/${name}/long-polling?after=0`);
  await ask('/');

  const streamRequest = get(`/race/${name}/streaming?after=0`);
  http.write(streamRequest);
  const streamed = Buffer.concat([await http.readUntil(FIRST_COMMENT), await http.readUntil('\n\n\r\n')]);

  const handshake = upgradeRequest(`/race/${name}/websocket?after=0`);
  await using socket = await RawClient.connect(running.served.port);
  const { head } = await socket.upgrade(`/race/${name}/websocket?after=0`);
  assert.is((await socket.readFrame()).payload.toString(), '"first"');

  const expected = {
    polling: {
      requests: 2,
      wasted: 1,
      bytesRead: wastedRead + pollRead,
      bytesWritten: wastedWritten + pollWritten,
      bytesWasted: wastedRead + wastedWritten,
    },
    'long-polling': { requests: 1, wasted: 0, bytesRead: longRead, bytesWritten: longWritten, bytesWasted: 0 },
    streaming: {
      requests: 1, wasted: 0, bytesRead: streamRequest.length, bytesWritten: streamed.length, bytesWasted: 0,
    },
    // A frame of seven bytes has a header of two.
    websocket: {
      requests: 1, wasted: 0, bytesRead: handshake.length, bytesWritten: head.length + 2 + 7, bytesWasted: 0,
    },
  };
  assert.equal(race.report(), expected);
  await readReport(controlling, expected);

  void race.feed.publish('2');
  const more = await http.readUntil('\n\n\r\n');
  expected.streaming.bytesWritten += more.length;
  assert.equal(await socket.readBytes(3), Buffer.from([0x81, 1, 0x32]));
  expected.websocket.bytesWritten += 3;
  assert.equal(race.report(), expected);
});

lanes('no lane compresses, so that all carry the same bytes', async () => {
  await using running = await run();
  const { control: client, name } = await start(running);
  await using socket = await RawClient.connect(running.served.port);
  const offer = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
  const { headers } = await socket.upgrade(`/race/${name}/websocket`, offer);
  assert.is(headers.has('sec-websocket-extensions'), false);
  const text = JSON.stringify('x'.repeat(2000));
  void running.races.get(name)!.feed.publish(text);
  assert.is((await socket.readFrame()).payload.toString(), text);
  await client[Symbol.asyncDispose]();
});

lanes('the end of a race ends what waits for it', async () => {
  await using running = await run();
  const { control: client, name } = await start(running);
  await using held = await RawClient.connect(running.served.port);
  await using stream = await RawClient.connect(running.served.port);
  await using socket = await RawClient.connect(running.served.port);
  held.write(get(`/race/${name}/long-polling`));
  stream.write(get(`/race/${name}/streaming`));
  await stream.readUntil(`\r\n\r\n${FIRST_COMMENT}`);
  await socket.upgrade(`/race/${name}/websocket`);
  await client[Symbol.asyncDispose]();
  assert.is((await held.readResponse()).status, 204);
  assert.is((await stream.readUntil('\r\n\r\n')).toString(), '0\r\n\r\n');
  assert.is((await socket.readFrame()).payload.readUInt16BE(), 1000);
});

lanes('a race that is over, or was never there, is 404 on each of them', async () => {
  await using running = await run();
  for (const transport of ['polling', 'long-polling', 'streaming']) {
    const response = await httpRequest(running.served.port, get(`/race/1-none/${transport}`));
    assertRefusal(response, '404 Not Found', ...PLAIN_REFUSAL);
  }
  const response = await httpRequest(running.served.port, upgradeRequest('/race/1-none/websocket'));
  assertRefusal(response, '404 Not Found', ...PLAIN_REFUSAL, 'Connection: close');
});

lanes.run();
