#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_runtime::fuzz::fuzz_records(data));
