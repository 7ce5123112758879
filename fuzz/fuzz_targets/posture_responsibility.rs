#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_posture::fuzz::fuzz_responsibility(data));
