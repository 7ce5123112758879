#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_oci::fuzz::fuzz_registry(data));
