"""Asks webauthn (PyPI) about each case."""

import json
import sys
from collections import defaultdict

from webauthn import base64url_to_bytes, verify_authentication_response, verify_registration_response
from webauthn.helpers.cose import COSEAlgorithmIdentifier

EXPECTED = {"expected_origin": "https://example.org", "expected_rp_id": "example.org", "require_user_verification": True}
ALGORITHMS = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]


def verdict(verify):
    try:
        verify()
        return True
    except Exception:
        return False


def reason(case, what, ours, theirs):
    if what == "registers" and not ours and theirs:
        return "does not look at all of what nobody signs: names of members, the credential's id in both places, points of the curve"
    if what == "registers" and b"\xa3\x63fmt\x64none" not in base64url_to_bytes(case["made"]["response"]["attestationObject"]):
        return "knows no attestation of this name; ours does not judge it"
    return "for no known reason"


with open(sys.argv[1]) as file:
    cases = [json.loads(line) for line in file]
agreed, counted = 0, defaultdict(list)
for number, case in enumerate(cases):
    challenge = base64url_to_bytes(case["challenge"])
    registers = verdict(
        lambda: verify_registration_response(
            credential=case["made"], expected_challenge=challenge, supported_pub_key_algs=ALGORITHMS, **EXPECTED
        )
    )
    signs = verdict(
        lambda: verify_authentication_response(
            credential=case["signed"],
            expected_challenge=challenge,
            credential_public_key=base64url_to_bytes(case["public_key"]),
            credential_current_sign_count=0,
            **EXPECTED,
        )
    )
    for what, ours, theirs in [("registers", case["registers"], registers), ("signs", case["signs"], signs)]:
        if ours == theirs:
            agreed += 1
        else:
            counted[f"{what}: ours {ours}, theirs {theirs}, {reason(case, what, ours, theirs)}"].append(number)
print(f"webauthn agrees on {agreed} of {2 * len(cases)}")
for key, numbers in counted.items():
    print(f"  {key}: {len(numbers)}, as {numbers[:5]}")
sys.exit(any(key.endswith("for no known reason") for key in counted))
