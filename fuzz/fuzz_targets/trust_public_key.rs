#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_trust::fuzz::public_key(data));
