"""Makes rows.tsv: secrets as other systems store them, and the codes that those systems take.

    python3 -m venv otp && otp/bin/pip install pyotp==2.12.1 django-otp==1.7.5 Django==5.2.19
    otp/bin/python make.py > rows.tsv

Columns: who made it, the secret as it is stored, seconds since 1970, the code of that moment.
"""

import base64
import datetime
import random

import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django_otp.plugins.otp_totp"],
    SECRET_KEY="unused",
)
django.setup()

import django_otp.oath  # noqa: E402
import pyotp  # noqa: E402

draw = random.Random(6238)
# From the time on at which the clock of the tests starts, over a year.
START, YEAR = 1_767_225_600, 365 * 24 * 3600
moments = sorted(draw.randrange(START + 3600, START + YEAR) for _ in range(400))


def base32(size):
    return base64.b32encode(draw.randbytes(size)).decode().rstrip("=")


for number, moment in enumerate(moments):
    size = draw.choice([16, 20, 20, 20, 32])
    match number % 4:
        case 0:
            # As `pyotp.random_base32` draws it: what FastAPI tutorials, Flask and Supabase Auth keep.
            who, stored = "pyotp", base32(size)
            code = pyotp.TOTP(stored).at(moment)
        case 1:
            # The column `key` of `otp_totp_totpdevice`.
            who, stored = "django-otp", draw.randbytes(draw.choice([10, size])).hex()
            device = django_otp.oath.TOTP(bytes.fromhex(stored))
            device.time = moment
            code = f"{device.token():06}"
        case 2:
            # The address that Ory Kratos keeps in `totp_url`, and that is in every QR code.
            secret = base32(size)
            stored = pyotp.TOTP(secret).provisioning_uri(name="ada@example.com", issuer_name="Tea & Co")
            who, code = "address", pyotp.parse_uri(stored).at(datetime.datetime.fromtimestamp(moment, datetime.timezone.utc))
        case _:
            # Keycloak keeps twenty letters and digits, whose bytes are the secret; its column is written in hex on the way here.
            value = "".join(draw.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", k=20))
            who, stored = "keycloak", value.encode().hex()
            code = pyotp.TOTP(base64.b32encode(value.encode()).decode()).at(moment)
    print(who, stored, moment, code, sep="\t")
