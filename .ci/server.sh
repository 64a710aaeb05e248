# For scripts beside this file: a server of one's own, on SQLite in a directory that goes away at the end.

cd "$(dirname "${BASH_SOURCE[0]}")/.."

scratch=$(mktemp -d)
server=

stop_server() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null && wait "$server" 2>/dev/null || true
        server=
    fi
}

trap 'stop_server; rm -rf "$scratch"' EXIT

need() {
    local tool
    for tool in "$@"; do
        if ! command -v "$tool" >/dev/null; then
            echo "$tool is missing: apt-get install $tool" >&2
            exit 1
        fi
    done
}

build_server() {
    cargo build --locked --quiet -p auth-server
    target=$(realpath "${CARGO_TARGET_DIR:-target}")
    program=$target/debug/auth-server
}

# Settings as NAME=value. Its address is in $address, as localhost:PORT.
start_server() {
    rm -f "$scratch"/auth.*
    : >"$scratch/log"
    (cd "$scratch" && exec env -i PORT=0 "$@" "$program") >"$scratch/log" 2>&1 &
    server=$!
    for _ in $(seq 120); do
        address=$(sed -nE 's/.*listening on https?:\/\/([^ ]+).*/\1/p' "$scratch/log")
        if [ -n "$address" ]; then return; fi
        sleep 0.25
    done
    echo 'the server does not start; its log:' >&2
    cat "$scratch/log" >&2
    exit 1
}

# A certificate for localhost that vouches for itself; the kind of key as openssl calls it.
make_certificate() {
    openssl req -x509 -newkey "$@" -noenc -keyout "$scratch/key.pem" -out "$scratch/cert.pem" -days 90 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
}
