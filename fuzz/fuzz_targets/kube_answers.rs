#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_kube::fuzz::fuzz_answers(data));
