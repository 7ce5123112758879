#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_extract::binary::kernel::fuzz(data));
