//! The PROXY protocol, version 2: a proxy that does not look into a connection tells before its first byte whose it is
//! (<https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt>, section 2.2).

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use tokio::io::{AsyncRead, AsyncReadExt as _};

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// What a proxy sends that looks whether we are there: LOCAL, without an address.
pub(crate) const OF_PROXY: [u8; 16] = *b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/// Addresses take 36 bytes at most; what a proxy has to say beyond that is read and not looked at.
const MAX_LENGTH: u16 = 2048;

/// Who is behind a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The proxy itself, that looks whether we are there.
    Proxy,
    Client(IpAddr),
}

/// Reads a header, and nothing that comes after it.
///
/// # Errors
/// It breaks off, or is none. A client that the proxy has no address of is refused: as the proxy it would be believed.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Source> {
    let mut fixed = [0; 16];
    stream.read_exact(&mut fixed).await?;
    let [signature @ .., version_and_command, family, high, low] = fixed;
    let length = u16::from_be_bytes([high, low]);
    if signature != SIGNATURE || length > MAX_LENGTH {
        return Err(none_of_ours());
    }
    let mut rest = vec![0; length.into()];
    stream.read_exact(&mut rest).await?;
    // TCP over IPv4 and IPv6: the addresses of both ends, the client's first, and their ports.
    let client = match (version_and_command, family) {
        (0x20, _) => return Ok(Source::Proxy),
        (0x21, 0x11) if length >= 12 => rest.first_chunk::<4>().map(|bytes| Ipv4Addr::from(*bytes).into()),
        (0x21, 0x21) if length >= 36 => {
            rest.first_chunk::<16>().map(|bytes| Ipv6Addr::from(*bytes).to_canonical())
        }
        _ => None,
    };
    client.map(Source::Client).ok_or_else(none_of_ours)
}

fn none_of_ours() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "no header of the PROXY protocol that tells a client")
}

/// For a fuzzer: `.ci/fuzz`. The first bytes of a connection.
#[cfg(fuzzing)]
pub fn fuzz(mut bytes: &[u8]) {
    let mut reading = std::pin::pin!(read(&mut bytes));
    let _ = reading.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use tokio::{io::AsyncWriteExt as _, runtime::Builder};

    use super::*;

    /// A header with this behind its signature, its length told as it is.
    fn header(version_and_command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[version_and_command, family], &length, rest].concat()
    }

    fn addresses(client: IpAddr) -> Vec<u8> {
        match client {
            IpAddr::V4(ip) => [&ip.octets()[..], &[127, 0, 0, 1, 0x9c, 0x40, 0x1f, 0x40]].concat(),
            IpAddr::V6(ip) => [&ip.octets()[..], &[0; 20]].concat(),
        }
    }

    fn family(client: IpAddr) -> u8 {
        if client.is_ipv4() { 0x11 } else { 0x21 }
    }

    fn told(bytes: &[u8]) -> (io::Result<Source>, usize) {
        let mut left = bytes;
        let read = Builder::new_current_thread().build().unwrap().block_on(read(&mut left));
        (read, left.len())
    }

    #[test]
    fn the_client_is_the_first_address_and_what_comes_after_the_header_stays() {
        for (client, known_as) in
            [("192.0.2.7", "192.0.2.7"), ("2001:db8::7", "2001:db8::7"), ("::ffff:192.0.2.7", "192.0.2.7")]
        {
            let client: IpAddr = client.parse().unwrap();
            for more in [&b""[..], b"\x04\0\x01x", &[7; 2000]] {
                let header = header(0x21, family(client), &[&addresses(client), more].concat());
                let (source, left) = told(&[&header[..], b"GET / HTTP/1.1"].concat());
                assert_eq!(source.unwrap(), Source::Client(known_as.parse().unwrap()));
                assert_eq!(left, b"GET / HTTP/1.1".len());
            }
        }
        for (family, rest) in [(0x00, &b""[..]), (0x11, &[1; 12]), (0x31, &[0; 216])] {
            assert_eq!(told(&header(0x20, family, rest)).0.unwrap(), Source::Proxy, "it looks after us");
        }
    }

    #[test]
    fn whatever_tells_no_client_is_refused() {
        let v4 = addresses("192.0.2.7".parse().unwrap());
        let mut wrong_signature = header(0x21, 0x11, &v4);
        wrong_signature[11] = b'\r';
        for bytes in [
            b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\nGET / HTTP/1.1\r\n".to_vec(),
            b"GET / HTTP/1.1\r\nhost: auth.example.com\r\n\r\n".to_vec(),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            wrong_signature,
            header(0x11, 0x11, &v4),
            header(0x22, 0x11, &v4),
            header(0x31, 0x11, &v4),
            header(0x21, 0x00, &[]),
            header(0x21, 0x12, &v4),
            header(0x21, 0x31, &[0; 216]),
            header(0x21, 0x11, &v4[..11]),
            header(0x21, 0x21, &v4),
            header(0x21, 0x11, &[0; 2049]),
            header(0x20, 0x00, &[0; 2049]),
        ] {
            assert!(told(&bytes).0.is_err(), "{bytes:?}");
        }
        let whole = header(0x21, 0x11, &v4);
        for length in 0..whole.len() {
            assert!(told(&whole[..length]).0.is_err(), "{length} bytes");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_header_may_come_in_pieces() {
        let (mut proxy, mut server) = tokio::io::duplex(1);
        let bytes = header(0x21, 0x11, &addresses("192.0.2.7".parse().unwrap()));
        let sent = tokio::spawn(async move { proxy.write_all(&bytes).await });
        let source = tokio::time::timeout(Duration::from_secs(1), read(&mut server)).await.unwrap();
        assert_eq!(source.unwrap(), Source::Client("192.0.2.7".parse().unwrap()));
        sent.await.unwrap().unwrap();
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = told(&bytes);
            let _ = told(&[&SIGNATURE, bytes.as_slice()].concat());
        }

        #[test]
        fn whatever_client_is_told_is_the_one_that_is_read(client: IpAddr, more in proptest::collection::vec(any::<u8>(), 0..64)) {
            let bytes = header(0x21, family(client), &[addresses(client), more].concat());
            prop_assert_eq!(told(&bytes).0.unwrap(), Source::Client(client.to_canonical()));
        }
    }
}
