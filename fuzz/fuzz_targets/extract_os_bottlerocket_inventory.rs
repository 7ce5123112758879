#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_extract::os::bottlerocket_inventory::fuzz(data));
