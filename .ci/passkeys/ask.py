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


def reason(ours, theirs):
    if not ours and theirs:
        return "reads JSON and CBOR more leniently, or looks at fewer members"
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
            counted[f"{what}: ours {ours}, theirs {theirs}, {reason(ours, theirs)}"].append(number)
print(f"webauthn agrees on {agreed} of {2 * len(cases)}")
for key, numbers in counted.items():
    print(f"  {key}: {len(numbers)}, as {numbers[:5]}")
sys.exit(any(key.endswith("for no known reason") for key in counted))
