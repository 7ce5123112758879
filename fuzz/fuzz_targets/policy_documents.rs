#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        plimsoll_policy::fuzz::policies(text);
        plimsoll_policy::fuzz::import(text);
    }
});
