"""What `.ci/many_keys` runs."""

import base64
import hashlib
import http.client
import json
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import time
import uuid
import zlib

PROGRAM, SCRATCH = os.environ["PROGRAM"], os.environ["SCRATCH"]
SERVER = os.environ["AUTH_TEST_POSTGRES_URL"]
KEYS, ASKED = int(os.environ.get("KEYS", "1000000")), int(os.environ.get("ASKED", "1000"))
DICE = random.Random(1)
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def sql(url, text, data=None):
    command = ["psql", "-qAt", "-v", "ON_ERROR_STOP=1", url, "-c", text]
    return subprocess.run(command, input=data, capture_output=True, text=True, check=True).stdout


def base62(number, length):
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits = ALPHABET[digit] + digits
    return digits


def key():
    text = "ak_" + base62(DICE.getrandbits(178), 30)
    return text + base62(zlib.crc32(text.encode()), 6)


def ask(connection, method, path, body=None, token=None):
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = "Bearer " + token
    connection.request(method, path, body=body and json.dumps(body), headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def add(database, owner, count):
    """Keys of one owner; a sample of them."""
    now, rows, sample = int(time.time() * 1000), [], []
    for number in range(count):
        made = key()
        if number < ASKED * 3:
            sample.append(made)
        digest = hashlib.sha256(made.encode()).hexdigest()
        rows.append(f"{uuid.UUID(int=DICE.getrandbits(128))}\t{owner}\tjob\t\\\\x{digest}\t{made[3:11]}\tread:todos\t{now}\t{now + 10**10}\n")
    columns = "id, user_id, name, hash, hint, scopes, created_at, expires_at"
    sql(database, f"COPY auth_api_key ({columns}) FROM STDIN", "".join(rows))
    sql(database, "ANALYZE auth_api_key")
    DICE.shuffle(sample)
    return sample[:ASKED]


def measured(connection, keys):
    # The one before may have rested too long.
    connection.close()
    times = []
    for one in keys:
        began = time.perf_counter()
        status, answer = ask(connection, "GET", "/verify?scope=read:todos", token=one)
        times.append((time.perf_counter() - began) * 1000)
        if status != 204:
            sys.exit(f"a key is answered {status}: {answer}")
    times.sort()
    return statistics.median(times), times[len(times) * 99 // 100 - 1]


def pages(database, one):
    digest = hashlib.sha256(one.encode()).hexdigest()
    plan = sql(database, f"EXPLAIN (ANALYZE, BUFFERS) SELECT * FROM auth_api_key WHERE hash = '\\x{digest}'")
    return sum(int(count) for count in re.search(r"Buffers: shared ((?:\w+=\d+ ?)+)", plan).group(1).replace("=", " ").split()[1::2])


def run():
    name = f"keys_{os.getpid()}"
    sql(SERVER, f"CREATE DATABASE {name}")
    database = SERVER.rsplit("/", 1)[0] + "/" + name
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    secret = base64.b64encode(os.urandom(48)).decode()
    settings = {"DATABASE_URL": database, "PORT": str(port), "SECRET_KEY": secret, "THROTTLE": "off", "LOG_LEVEL": "warn"}
    log = open(f"{SCRATCH}/log", "a")
    process = subprocess.Popen([PROGRAM], env=settings, cwd=SCRATCH, stdout=log, stderr=log)
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for _ in range(600):
            try:
                if ask(connection, "GET", "/health/ready")[0] == 200:
                    break
            except OSError:
                connection.close()
            time.sleep(0.05)
        account = {"email": "ada@example.com", "password": "wilted-orchid-paddles-north"}
        owner = json.loads(ask(connection, "POST", "/register", account)[1])["id"]
        few = add(database, owner, ASKED * 3)
        before = measured(connection, few), pages(database, few[0])
        many = add(database, owner, KEYS)
        after = measured(connection, many), pages(database, many[0])
        again = measured(connection, few), pages(database, few[0])
    finally:
        process.terminate()
        process.wait()
        sql(SERVER, f"DROP DATABASE {name} WITH (FORCE)")
    for what, ((median, p99), read) in [("before", before), ("new ones after", after), ("those of before after", again)]:
        print(f"{what}: median {median:.2f} ms, p99 {p99:.2f} ms, {read} pages")


run()
