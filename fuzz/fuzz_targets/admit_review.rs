#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_admit::fuzz::fuzz_review(data));
