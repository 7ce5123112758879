#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_extract::os::chisel_manifest::fuzz(data));
