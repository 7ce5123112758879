//! The little of protocol buffers (wire format, "Encoding") that containerd's answers need: fields of numbers and of bytes.

use std::fmt;

/// Text in a field of bytes.
pub(super) fn put_text(message: &mut Vec<u8>, field: u8, text: &str) {
    // Field numbers up to 15 fit into one byte; 2 is "bytes with their length in front".
    message.push(field << 3 | 2);
    put_varint(message, text.len() as u64);
    message.extend_from_slice(text.as_bytes());
}

fn put_varint(message: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = value.to_le_bytes()[0] & 0x7f;
        value >>= 7;
        message.push(if value == 0 { low } else { low | 0x80 });
        if value == 0 {
            return;
        }
    }
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// A message that breaks its own format.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("it is no message of protocol buffers")
    }
}

/// The fields of a message in their order. Those of fixed width are passed over: nothing that is needed has them.
pub(super) fn fields(message: &[u8]) -> impl Iterator<Item = Result<(u64, Value<'_>), Broken>> {
    let mut rest = message;
    let mut broken = false;
    std::iter::from_fn(move || {
        while !broken && !rest.is_empty() {
            match field(&mut rest) {
                Some((number, Some(value))) => return Some(Ok((number, value))),
                Some((_, None)) => {}
                None => {
                    broken = true;
                    return Some(Err(Broken));
                }
            }
        }
        None
    })
}

/// Takes one field from the front.
fn field<'a>(rest: &mut &'a [u8]) -> Option<(u64, Option<Value<'a>>)> {
    let key = varint(rest)?;
    let number = key >> 3;
    let value = match key & 7 {
        0 => Some(Value::Number(varint(rest)?)),
        1 => {
            take(rest, 8)?;
            None
        }
        2 => {
            let length = varint(rest)?;
            Some(Value::Bytes(take(rest, usize::try_from(length).ok()?)?))
        }
        5 => {
            take(rest, 4)?;
            None
        }
        _ => return None,
    };
    Some((number, value))
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (front, back) = rest.split_at_checked(length)?;
    *rest = back;
    Some(front)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    /// Seven bits each.
    const LONGEST: usize = 10;
    let mut value = 0_u64;
    for position in 0..LONGEST {
        let byte = take(rest, 1)?[0];
        let bits = u64::from(byte & 0x7f);
        if position == LONGEST - 1 && bits > 1 {
            return None;
        }
        value |= bits << (7 * position);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// For the fuzzer: any bytes as a message.
pub(super) fn fuzz(data: &[u8]) {
    let mut seen = 0;
    for field in fields(data) {
        if let Ok((_, Value::Bytes(bytes))) = field {
            seen += bytes.len();
        }
    }
    assert!(seen <= data.len(), "no byte is handed out twice");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages() {
        let mut message = Vec::new();
        put_text(&mut message, 1, "name");
        put_text(&mut message, 3, &"x".repeat(300));
        let read: Vec<_> = fields(&message).collect();
        let long = "x".repeat(300);
        assert_eq!(read, [Ok((1, Value::Bytes(b"name"))), Ok((3, Value::Bytes(long.as_bytes())))]);
        // The example of the documentation: field 1 is 150. Fixed widths are passed over.
        let read: Vec<_> = fields(b"\x08\x96\x01\x15abcd\x19abcdefgh").collect();
        assert_eq!(read, [Ok((1, Value::Number(150)))]);
        for broken in [
            b"\x08".as_slice(),
            b"\x0a\x05abc",
            b"\x0b",
            b"\x15abc",
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ] {
            assert_eq!(fields(broken).last(), Some(Err(Broken)), "{broken:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes(data in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64)) {
            fuzz(&data);
        }
    }
}
