"""Signs in for each request that is made up, as one of the others may have been a logout; and looks why input is refused."""

import json
import os
import urllib.request

import schemathesis


def login():
    body = json.dumps({"email": "admin@example.com", "password": os.environ["AUTH_PASSWORD"]}).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(os.environ["AUTH_URL"] + "/login", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["access_token"]


@schemathesis.auth(refresh_interval=None)
class Bearer:
    def get(self, case, context):
        return login()

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"


# What is wrong with input of the right shape.
BEYOND_A_SCHEMA = {"too_common", "is_email", "unchanged", "wrong_password", "required", "invalid_token", "invalid_cursor", "not_allowed", "not_possible", "invalid_code", "invalid_url", "invalid_secret", "too_many_webhooks", "invalid_credential", "bad_name", "reserved_scope", "too_many_scopes", "invalid_name", "invalid_locale"}


@schemathesis.check
def input_of_the_right_shape_is_refused_for_what_no_schema_tells(context, response, case):
    if response.status_code == 422 and case.meta.generation.mode.is_positive:
        codes = {error["code"] for error in response.json()["errors"]}
        assert codes <= BEYOND_A_SCHEMA, f"refused for {codes - BEYOND_A_SCHEMA}"
