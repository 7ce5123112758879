//! What fuzz targets run.

use std::io::{self, Read};

use crate::{Error, Form, Platform, Reference, Selection, stream};

/// Reads arbitrary bytes as an archive of images, in either form, open or compressed.
///
/// # Panics
/// When a law is broken: reading twice gives different answers, or an image has layers that nobody handed out.
pub fn fuzz_archive(data: &[u8]) {
    for form in [None, Some(Form::Oci), Some(Form::Docker)] {
        let read = || -> Result<String, Error> {
            let mut handed_out = 0;
            let source = stream("fuzzed", form, data, &mut |header, reader| {
                assert_eq!(header.number, handed_out, "numbers count up from 0");
                handed_out += 1;
                // Bombs are for whoever reads layers.
                match io::copy(&mut reader.take(1024 * 1024), &mut io::sink()) {
                    Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
                    _ => Ok(()),
                }
            })?;
            let _ = source.list();
            let image = source.image(&Selection::any(Platform::linux("amd64")))?;
            assert_eq!(image.steps().len(), image.layers.len());
            for layer in &image.layers {
                assert!(layer.open().is_err(), "a stream cannot be read again");
                assert!(layer.number().is_none_or(|number| number < handed_out));
            }
            Ok(format!("{image:?}"))
        };
        let shown = |result: Result<String, Error>| result.unwrap_or_else(|error| error.to_string());
        assert_eq!(shown(read()), shown(read()));
    }
}

/// Reads arbitrary bytes as what registries, daemons and files of credentials say: names, challenges, links, documents.
///
/// # Panics
/// When a law is broken: a name that is printed is read as another.
pub fn fuzz_registry(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(reference) = Reference::parse(&text) {
        let again = Reference::parse(&reference.to_string()).expect("what is printed is a name");
        assert_eq!(again, reference);
    }
    crate::challenge::fuzz(&text);
    crate::registry::fuzz(&text);
    crate::places::fuzz(data);
    crate::credentials::fuzz(data);
    crate::daemon::fuzz(&text);
}
