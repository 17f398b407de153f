// Makes self-signed certificates, for tests that need another than the one of `certificate.ts` (X.509, RFC 5280).
import { generateKeyPairSync, sign } from 'node:crypto';

export interface KeyPair {
  readonly key: string;
  readonly cert: string;
}

/** DER (X.690): a tag, the length of its content, and that. */
function der(tag: number, ...contents: (Buffer | number[])[]): Buffer {
  const content = Buffer.concat(contents.map((each) => Buffer.from(each)));
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const sequence = (...contents: (Buffer | number[])[]): Buffer => der(0x30, ...contents);
const text = (tag: number, value: string): Buffer => der(tag, Buffer.from(value));
const identifier = (...bytes: number[]): Buffer => der(0x06, bytes);

const COMMON_NAME = identifier(0x55, 0x04, 0x03);
const BASIC_CONSTRAINTS = identifier(0x55, 0x1d, 0x13);
const SUBJECT_ALTERNATIVE_NAME = identifier(0x55, 0x1d, 0x11);
const ECDSA_WITH_SHA256 = sequence(identifier(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
const TRUE = der(0x01, [0xff]);

/** One for `localhost` and 127.0.0.1, valid until 2120, with that common name; it may stand for its own authority. */
export function makeCertificate(commonName: string, serialNumber = 1): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const name = sequence(der(0x31, sequence(COMMON_NAME, text(0x0c, commonName))));
  const validity = sequence(text(0x18, '20200101000000Z'), text(0x18, '21200101000000Z'));
  const names = sequence(text(0x82, 'localhost'), der(0x87, [127, 0, 0, 1]));
  const extensions = sequence(
    sequence(BASIC_CONSTRAINTS, TRUE, der(0x04, sequence(TRUE))),
    sequence(SUBJECT_ALTERNATIVE_NAME, der(0x04, names)),
  );
  const toBeSigned = sequence(
    der(0xa0, der(0x02, [2])), der(0x02, [serialNumber]), ECDSA_WITH_SHA256, name, validity, name,
    publicKey.export({ type: 'spki', format: 'der' }), der(0xa3, extensions),
  );
  const signature = der(0x03, [0], sign('sha256', toBeSigned, privateKey));
  const lines = sequence(toBeSigned, ECDSA_WITH_SHA256, signature).toString('base64').replace(/.{1,64}/g, '$&\n');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`,
  };
}
