#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (expression, json) = text.split_once('\n').unwrap_or((&text, "{}"));
    plimsoll_cel::fuzz::program(expression, json);
});
