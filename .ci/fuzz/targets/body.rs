//! The body of a request: JSON, a form, a form in parts.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| auth_tower::fuzzing::body(input));
