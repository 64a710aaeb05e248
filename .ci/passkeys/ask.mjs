// Asks @simplewebauthn/server about each case.
import { readFileSync } from 'node:fs';
import { verifyAuthenticationResponse, verifyRegistrationResponse } from '@simplewebauthn/server';
import { isoBase64URL } from '@simplewebauthn/server/helpers';

const expected = { expectedOrigin: 'https://example.org', expectedRPID: 'example.org', requireUserVerification: true };
const verdict = async (verify) => {
  try {
    return (await verify()).verified;
  } catch {
    return false;
  }
};

// Where it says something else for a reason that is known.
const none = Buffer.from('\xa3\x63fmt\x64none', 'latin1');
const signature = (one) => Buffer.from(one.signed.response.signature, 'base64url');
// A sequence of two whole numbers, each told by its tag and its length (X.690).
const isDer = (bytes) => {
  const [tag, length, first, ofFirst] = bytes;
  const [second, ofSecond] = bytes.subarray(4 + ofFirst);
  return tag === 0x30 && length === bytes.length - 2 && first === 2 && second === 2 && 4 + ofFirst + ofSecond === length;
};
const known = {
  'does not look at all tags and lengths within the signature': (one, what, ours, theirs) =>
    what === 'signs' && !ours && theirs && !isDer(signature(one)),
  "does not look at all of what nobody signs: names of members, the credential's id in both places, points of the curve":
    (one, what, ours, theirs) => what === 'registers' && !ours && theirs,
  'knows no attestation of this name; ours does not judge it': (one, what) =>
    what === 'registers' && !Buffer.from(one.made.response.attestationObject, 'base64url').includes(none),
};

const cases = readFileSync(process.argv[2], 'utf8').trim().split('\n').map((line) => JSON.parse(line));
const counted = {};
let agreed = 0;
for (const [number, one] of cases.entries()) {
  const expectedChallenge = one.challenge;
  const registers = await verdict(() =>
    verifyRegistrationResponse({ ...expected, expectedChallenge, response: one.made, supportedAlgorithmIDs: [-7, -8, -257] }));
  const credential = { id: one.id, publicKey: isoBase64URL.toBuffer(one.public_key), counter: 0 };
  const signs = await verdict(() =>
    verifyAuthenticationResponse({ ...expected, expectedChallenge, response: one.signed, credential }));
  for (const [what, ours, theirs] of [['registers', one.registers, registers], ['signs', one.signs, signs]]) {
    if (ours === theirs) {
      agreed += 1;
      continue;
    }
    const reason = Object.keys(known).find((reason) => known[reason](one, what, ours, theirs)) ?? 'for no known reason';
    const key = `${what}: ours ${ours}, theirs ${theirs}, ${reason}`;
    (counted[key] ??= []).push(number);
  }
}
console.log(`@simplewebauthn/server agrees on ${agreed} of ${2 * cases.length}`);
for (const [key, numbers] of Object.entries(counted)) console.log(`  ${key}: ${numbers.length}, as ${numbers.slice(0, 5)}`);
if (Object.keys(counted).some((key) => key.endsWith('for no known reason'))) process.exit(1);
