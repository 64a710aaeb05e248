//! The first bytes of a connection that comes by way of a proxy.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| auth_server::fuzzing::proxy_protocol(input));
