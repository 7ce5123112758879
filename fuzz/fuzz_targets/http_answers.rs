#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_http::fuzz::fuzz_answers(data));
