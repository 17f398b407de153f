// The router: which route serves a path, and what its parameters stand for.
import { throws } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { HttpError } from '../../src/errors.js';
import { Router } from '../../src/server/router.js';
import { suite } from '../runner/suite.js';

function routerOf(...paths: string[]): Router<string> {
  const router = new Router<string>();
  for (const path of paths) router.add(path, path);
  return router;
}

const matching = suite('router: matching');

/** `null` stands for no route. */
const cases: readonly [paths: string[], path: string, target: string | null, params?: Record<string, string>][] = [
  [['/'], '/', '/'],
  [['/'], '/a', null],
  [['/'], '//', null],
  [[], '/', null],
  [['/a/b'], '/a/b', '/a/b'],
  [['/a/b'], '/a/b/', null],
  [['/a/b/'], '/a/b/', '/a/b/'],
  [['/a/b/'], '/a/b', null],
  [['/a/b'], '/a', null],
  [['/a/b'], '/A/b', null],
  [['/a/b'], '/a//b', null],
  // The asterisk form of OPTIONS is no path.
  [['/', '/*', '/:a'], '*', null],

  [['/rooms/:room'], '/rooms/1', '/rooms/:room', { room: '1' }],
  [['/rooms/:room'], '/rooms/', null],
  [['/rooms/:room'], '/rooms', null],
  [['/rooms/:room'], '/rooms/1/', null],
  [['/rooms/:room'], '/rooms/1/2', null],
  [['/rooms/:room/'], '/rooms/1/', '/rooms/:room/', { room: '1' }],
  [['/rooms/:room/seats/:seat'], '/rooms/1/seats/2', '/rooms/:room/seats/:seat', { room: '1', seat: '2' }],
  [['/:Room_2'], '/x', '/:Room_2', { Room_2: 'x' }],
  [['/a:b'], '/a:b', '/a:b'],
  [['/a:b'], '/a1', null],

  [['/files/*'], '/files/a', '/files/*', { '*': 'a' }],
  [['/files/*'], '/files/a/b/', '/files/*', { '*': 'a/b/' }],
  [['/files/*'], '/files/', '/files/*', { '*': '' }],
  [['/files/*'], '/files', null],
  [['/*'], '/', '/*', { '*': '' }],
  [['/*'], '//a', '/*', { '*': '/a' }],
  [['/:user/*'], '/me/a/b', '/:user/*', { user: 'me', '*': 'a/b' }],

  // Exact paths win whenever they were added; among the others the one added first.
  [['/:a', '/b'], '/b', '/b'],
  [['/*', '/b/c'], '/b/c', '/b/c'],
  [['/:a', '/*'], '/b', '/:a', { a: 'b' }],
  [['/*', '/:a'], '/b', '/*', { '*': 'b' }],
  [['/:a/x', '/:a/:b'], '/1/2', '/:a/:b', { a: '1', b: '2' }],
  [['/:a', '/:b'], '/1', '/:a', { a: '1' }],

  // Percent-decoding happens per segment: an encoded slash doesn't separate.
  [['/rooms/:room'], '/rooms/a%2Fb', '/rooms/:room', { room: 'a/b' }],
  [['/rooms/:room'], '/rooms/%E4%BD%A0%e5%a5%bd', '/rooms/:room', { room: '你好' }],
  [['/rooms/:room'], '/rooms/a+b%20c', '/rooms/:room', { room: 'a+b c' }],
  [['/rooms/:room'], '/rooms/%2e%2e', '/rooms/:room', { room: '..' }],
  [['/rooms/:room'], '/rooms/%2500', '/rooms/:room', { room: '%00' }],
  [['/files/*'], '/files/a%2Fb/c%20d', '/files/*', { '*': 'a/b/c d' }],
  [['/a/b'], '/a%2Fb', null],
  [['/a%20b'], '/a%20b', null],
  [['/a/b'], '/%61/b', '/a/b'],
  [['/你好/'], '/%E4%BD%A0%E5%A5%BD/', '/你好/'],
  [['/*'], '/%3Aa', '/*', { '*': ':a' }],

  // No name is special.
  [['/:constructor'], '/x', '/:constructor', { constructor: 'x' }],
  [['/:hasOwnProperty/:toString'], '/x/y', '/:hasOwnProperty/:toString', { hasOwnProperty: 'x', toString: 'y' }],
  [['/:a'], '/__proto__', '/:a', { a: '__proto__' }],
  [['/a'], '/constructor', null],
  [['/a'], '/__proto__', null],
];

for (const [paths, path, target, params = {}] of cases) {
  matching(`${path} among ${paths.join(' ') || 'no routes'}`, () => {
    const match = routerOf(...paths).match(path);
    assert.is(match?.target ?? null, target);
    if (match !== null) assert.equal({ ...match.params }, params);
  });
}

matching('a parameter named __proto__ is like any other', () => {
  const { params } = routerOf('/:__proto__').match('/x')!;
  assert.equal(Object.entries(params), [['__proto__', 'x']]);
  assert.is(Object.getPrototypeOf(params), null);
});

matching('a parameter that the route has not is undefined, even under a name of Object.prototype', () => {
  const { params } = routerOf('/').match('/')!;
  assert.is(params['constructor'], undefined);
});

for (const path of ['/%', '/%2', '/%zz', '/a/%', '/%C3', '/%ff', '/%E4%BD', '/%ED%A0%80']) {
  matching(`${path} is refused with 400`, () => {
    // Also where the broken segment would not matter.
    for (const router of [routerOf(), routerOf('/*')]) {
      throws(() => router.match(path), (error) => {
        assert.instance(error, HttpError);
        const { code, status } = error as HttpError;
        assert.equal([code, status], ['PATH_INVALID', 400]);
        return true;
      });
    }
  });
}

matching.run();

const adding = suite('router: adding');

const malformed: readonly [path: string, message: RegExp][] = [
  ['', /must begin with "\/"/],
  ['a', /"a" must begin with "\/"/],
  ['*', /must begin with/],
  [':a', /must begin with/],
  ['http://a/', /must begin with/],
  ['/a*', /"\*" must be the whole last segment/],
  ['/*a', /"\*" must be the whole last segment/],
  ['/*/a', /"\*" must be the whole last segment/],
  ['/*/', /"\*" must be the whole last segment/],
  ['/**', /"\*" must be the whole last segment/],
  ['/:', /must be ":" and a name/],
  ['/:/a', /must be ":" and a name/],
  ['/:1a', /must be ":" and a name/],
  ['/:a-b', /must be ":" and a name/],
  ['/:a?', /must be ":" and a name/],
  ['/::a', /must be ":" and a name/],
];

for (const [path, message] of malformed) {
  adding(`${JSON.stringify(path)} is a TypeError`, () => {
    const router = routerOf();
    throws(() => router.add(path, path), { name: 'TypeError', message });
  });
}

for (const path of ['/', '/a', '/:a', '/a/*']) {
  adding(`${path} twice is a TypeError, and the first stays`, () => {
    const router = new Router<string>();
    router.add(path, 'first');
    throws(() => router.add(path, 'second'), { name: 'TypeError', message: /has a route already/ });
    assert.is(router.match(path.replace(':a', 'b').replace('*', 'b'))!.target, 'first');
  });
}

adding('a path that was refused is not taken', () => {
  const router = routerOf();
  throws(() => router.add('/a*', 'first'), TypeError);
  assert.is(router.match('/a*'), null);
});

adding.run();
