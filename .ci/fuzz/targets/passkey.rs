//! A registration and a sign-in by passkey, in five parts, each behind its length in two bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| auth_core::factor::fuzzing::passkey(input));
