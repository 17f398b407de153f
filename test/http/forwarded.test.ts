// What each proxy tells in Forwarded or in X-Forwarded-*, the nearest first, and what of it is not understood.
import * as assert from 'uvu/assert';
import { HeaderFields } from '../../src/http/fields.js';
import { forwardedHops, type ForwardedHeader, type ForwardedHop } from '../../src/http/forwarded.js';
import { withRandom } from '../frame/random.js';
import { suite } from '../runner/suite.js';

type Expected = readonly [address: string | null, scheme: ForwardedHop['scheme'], host: string | null];

const NOTHING: Expected = [null, null, null];

const X_FORWARDED = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host'] as const;

function hopsOf(
  names: readonly ForwardedHeader[],
  lines: readonly (readonly [string, string])[],
): Expected[] {
  const hops = forwardedHops(HeaderFields.from(lines), names);
  return Array.from(hops, ({ address, scheme, host }) => [address, scheme, host]);
}

const forwarded = suite('forwarded: RFC 7239');

const values: readonly [value: string, expected: readonly Expected[]][] = [
  // §4
  ['for="_gazonk"', [NOTHING]],
  ['For="[2001:db8:cafe::17]:4711"', [['2001:db8:cafe::17', null, null]]],
  ['for=192.0.2.60;proto=http;by=203.0.113.43', [['192.0.2.60', 'http', null]]],
  ['for=192.0.2.43, for=198.51.100.17', [['198.51.100.17', null, null], ['192.0.2.43', null, null]]],
  // §7.1
  ['for=192.0.2.43,for="[2001:db8:cafe::17]",for=unknown',
    [NOTHING, ['2001:db8:cafe::17', null, null], ['192.0.2.43', null, null]]],
  ['for="192.0.2.43:47011"', [['192.0.2.43', null, null]]],
  ['for="192.0.2.43:_port"', [['192.0.2.43', null, null]]],
  ['proto=https;host="a.example:8443"', [[null, 'https', 'a.example:8443']]],
  ['proto=https;host=a.example:8443', [[null, 'https', 'a.example:8443']]],
  ['host="a\\.example"', [[null, null, 'a.example']]],
  ['PROTO=HTTPS; HOST=A.example', [[null, 'https', 'A.example']]],
  ['proto=wss', [[null, 'https', null]]],
  ['proto=ws', [[null, 'http', null]]],
  ['proto=ftp;for=192.0.2.1', [['192.0.2.1', null, null]]],
  ['host="a b";for=192.0.2.1', [['192.0.2.1', null, null]]],
  ['secret=x;for=192.0.2.1', [['192.0.2.1', null, null]]],
  // §4: each parameter "MUST NOT occur more than once"
  ['for=192.0.2.1;For=192.0.2.2', [NOTHING]],
  ['for=192.0.2.1;', [NOTHING]],
  ['for=192.0.2.1;nonsense', [NOTHING]],
  ['fo r=192.0.2.1', [NOTHING]],
  ['for=', [NOTHING]],
  ['', [NOTHING]],
  // A client can't hide what comes after its own bytes.
  ['for="192.0.2.9, for=192.0.2.1', [['192.0.2.1', null, null], NOTHING]],
  ['for="a\\, for=192.0.2.1', [['192.0.2.1', null, null], NOTHING]],
  ['secret="a,for=192.0.2.9,b", for=192.0.2.1',
    [['192.0.2.1', null, null], NOTHING, ['192.0.2.9', null, null], NOTHING]],
];
for (const [value, expected] of values) {
  forwarded(value === '' ? 'an empty value' : value, () => {
    assert.equal(hopsOf(['forwarded'], [['Forwarded', value]]), expected);
  });
}

forwarded('several lines are one list', () => {
  const lines = [
    ['Forwarded', 'for=192.0.2.1'], ['X-Forwarded-For', '192.0.2.9'], ['forwarded', 'for=192.0.2.2'],
  ] as const;
  assert.equal(hopsOf(['forwarded'], lines), [['192.0.2.2', null, null], ['192.0.2.1', null, null]]);
});

forwarded('without the field, nobody tells anything', () => {
  assert.equal(hopsOf(['forwarded'], [['X-Forwarded-For', '192.0.2.1']]), []);
});

forwarded.run();

const others = suite('forwarded: X-Forwarded-*');

const nodes: readonly [value: string, addresses: readonly (string | null)[]][] = [
  ['192.0.2.1', ['192.0.2.1']],
  ['192.0.2.1, 192.0.2.2', ['192.0.2.2', '192.0.2.1']],
  ['192.0.2.1,192.0.2.2 ,\t2001:db8::1', ['2001:db8::1', '192.0.2.2', '192.0.2.1']],
  ['192.0.2.1:4711', ['192.0.2.1']],
  ['[2001:db8::1]:4711, [2001:db8::2]', ['2001:db8::2', '2001:db8::1']],
  ['unknown, 192.0.2.1', ['192.0.2.1', null]],
  ['192.0.2.1, unix:', ['unix:', '192.0.2.1']],
  ['192.0.2.1,', [null, '192.0.2.1']],
  ['a b', [null]],
];
for (const [value, addresses] of nodes) {
  others(`X-Forwarded-For: ${value}`, () => {
    const hops = hopsOf(X_FORWARDED, [['X-Forwarded-For', value]]);
    assert.equal(hops.map(([address]) => address), addresses);
  });
}

others('the last scheme and host are the nearest proxy\'s', () => {
  const lines = [
    ['X-Forwarded-Proto', 'ftp, http'], ['X-Forwarded-Proto', 'https'], ['X-Forwarded-Host', 'a.example, b.example:1'],
    ['X-Forwarded-For', '192.0.2.1'], ['X-Forwarded-For', '192.0.2.2'], ['Forwarded', 'host=c.example'],
  ] as const;
  const expected = [['192.0.2.2', 'https', 'b.example:1'], ['192.0.2.1', null, null]];
  assert.equal(hopsOf(X_FORWARDED, lines), expected);
});

others('without an address, scheme and host count', () => {
  const lines = [['X-Forwarded-Proto', 'wss'], ['X-Forwarded-Host', 'a.example']] as const;
  assert.equal(hopsOf(X_FORWARDED, lines), [[null, 'https', 'a.example']]);
  assert.equal(hopsOf(X_FORWARDED, [['X-Forwarded-Host', 'user@a.example']]), [NOTHING]);
});

others('only those that are named', () => {
  const lines = [
    ['X-Forwarded-For', '192.0.2.1'], ['X-Forwarded-Proto', 'https'], ['X-Forwarded-Host', 'a.example'],
  ] as const;
  assert.equal(hopsOf(['x-forwarded-for', 'x-forwarded-proto'], lines), [['192.0.2.1', 'https', null]]);
  assert.equal(hopsOf(['x-forwarded-host'], lines), [[null, null, 'a.example']]);
  assert.equal(hopsOf([], lines), [NOTHING]);
});

others.run();

const prefixes = suite('forwarded: whatever a client writes before');

const PIECES = [
  'for', '=', '"', '\\', ',', ';', ' ', '[', ']', ':', '::1', '192.0.2.9', 'proto', 'host', 'https', '_', '%',
];

for (const [header, field, value, expected] of [
  ['forwarded', 'Forwarded', 'for="[2001:db8::1]:1";proto=https;host=a.example', ['2001:db8::1', 'https', 'a.example']],
  ['x-forwarded-for', 'X-Forwarded-For', '203.0.113.7', ['203.0.113.7', null, null]],
] as const) {
  prefixes(`what the nearest proxy adds to ${field} is the same`, () => {
    withRandom((random) => {
      for (let count = 0; count < 5000; count++) {
        const prefix = Array.from({ length: random.integer(0, 12) }, () => random.pick(PIECES)).join('');
        const lines = random.chance(0.5)
          ? [[field, `${prefix}, ${value}`] as const]
          : [[field, prefix] as const, [field, value] as const];
        assert.equal(hopsOf([header], lines)[0], expected, prefix);
      }
    });
  });
}

prefixes.run();
