//! A file of accounts of another service, as CSV and as lines of JSON.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| auth_server::fuzzing::import(input));
