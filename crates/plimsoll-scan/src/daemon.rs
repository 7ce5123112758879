//! Images and containers that a daemon has, and images that are named without a place.

use plimsoll_model::{Inventory, Problem, ProblemKind, Target as TargetFacts, TargetKind, Via};
use plimsoll_oci::{DaemonContainer, DaemonImage, Daemons, Error, Selection};

use crate::scan::{
    Found, Heard, Seen, add_settings, assembled, attribute_to_base, complete, image_facts, image_of_registry,
    limits, rewritten_above_base, selection, stream_layers,
};
use crate::visit::PackageDatabases;
use crate::{Options, Progress, ScanError};

/// What was found.
type Read = Result<(TargetFacts, Seen), ScanError>;

/// The daemons that have containers we can read.
const WITH_CONTAINERS: [Via; 2] = [Via::Docker, Via::Podman];

fn daemons<'a>(typed: &str, options: &'a Options) -> Result<&'a Daemons, ScanError> {
    options.daemons.as_ref().ok_or_else(|| ScanError::NotFound { target: typed.to_owned(), near: None })
}

/// An image that a daemon has.
pub(crate) fn image(typed: &str, via: Via, name: &str, options: &Options, progress: &dyn Progress) -> Read {
    let daemons = daemons(typed, options)?;
    if via == Via::Containerd {
        return of_containerd(typed, daemons, name, options, progress);
    }
    let image = daemons.image(via, name)?;
    read_image(typed, &image, options, progress)
}

/// An image of containerd's content store, where everything has a digest, as in a registry.
fn of_containerd(
    typed: &str,
    daemons: &Daemons,
    name: &str,
    options: &Options,
    progress: &dyn Progress,
) -> Read {
    let (source, origin) = daemons.containerd(name)?;
    let image = source.image(&selection(None, options))?;
    let (mut target, seen) = image_of_registry(typed, &image, options, progress);
    target.origin = Some(origin);
    Ok((target, seen))
}

/// An image that is named without a place: the first of the places that has it, for the platform that was asked for.
///
/// A place that is not there is passed over in silence; one that is there and refuses is named in the report, since the
/// image may have been meant that it has.
///
/// `of_registry` asks the registry, and is told whether what was said of the image before is all there is to say.
pub(crate) fn named<T>(
    typed: &str,
    name: &str,
    of_registry: &dyn Fn(bool) -> Result<Found<T>, ScanError>,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Found<T>, ScanError> {
    let read = |read| Found::Read(Box::new(read));
    let mut refused: Vec<Problem> = Vec::new();
    let mut tried = Vec::new();
    let mut hint = None;
    for via in &options.from {
        let found = match (via, &options.daemons) {
            (Via::Registry, _) => Ok(of_registry(refused.is_empty())?),
            (_, None) => continue,
            (Via::Containerd, Some(daemons)) => {
                of_containerd(typed, daemons, name, options, progress).map(read)
            }
            (_, Some(daemons)) => match daemons.image(*via, name) {
                Ok(image) if options.platform.as_ref().is_none_or(|wanted| image.platform.serves(wanted)) => {
                    Ok(read(read_image(typed, &image, options, progress)?))
                }
                Ok(image) => {
                    tried.push(format!("{} has it for {} only", image.origin().place, image.platform));
                    continue;
                }
                Err(error) => Err(error.into()),
            },
        };
        let found = match found {
            Ok(found) => found,
            Err(ScanError::Image(error)) => {
                match &error {
                    Error::NotInDaemon { .. } => hint = hint.or_else(|| error.hint()),
                    Error::NoDaemon { absent: true, .. } | Error::NoPlatform { .. } => {}
                    _ => {
                        let detail = format!("this place did not give the image: {error}");
                        refused.push(Problem::note(ProblemKind::Unreadable, via.name(), detail));
                    }
                }
                tried.push(error.to_string());
                continue;
            }
            Err(error) => return Err(error),
        };
        return Ok(match found {
            Found::Read(mut read) if !refused.is_empty() => {
                // What a daemon says today decides what the report says.
                read.1.known = None;
                read.1.inventory.problems.append(&mut refused);
                Found::Read(read)
            }
            found => found,
        });
    }
    Err(ScanError::Nowhere { kind: "image", name: name.to_owned(), tried, hint })
}

fn read_image(typed: &str, image: &DaemonImage, options: &Options, progress: &dyn Progress) -> Read {
    progress.expect(image.size);
    let place = image.origin().place;
    // It was asked for by its id: there is one image in it, or one for each platform.
    let selection = selection(None, options);
    let extractors = options.extractors();
    let passed =
        stream_layers(&place, &mut image.archive()?, None, &selection, &extractors, options, progress)?;
    let walk = plimsoll_fs::merge(passed.layers, &extractors, &limits(options));
    let mut seen = assembled(walk, passed.problems);
    let mut target = image_facts(typed, &passed.image, &mut seen, options);
    if rewritten_above_base(&target, &seen.inventory) {
        let base = target.base.as_ref().map_or(0, |base| base.layers as usize);
        match base_again(&place, image, &selection, &passed.image.config_digest, base, options, progress) {
            Ok(base) => attribute_to_base(&mut seen.inventory, &base),
            Err(detail) => seen.inventory.problems.push(Problem::note(
                ProblemKind::Unreadable,
                &place,
                format!("which packages came with the base image cannot be told: {detail}"),
            )),
        }
    }
    target.reference = image.reference.clone().or(target.reference);
    target.origin = Some(image.origin());
    complete(&mut seen, &passed.image, &target, options);
    Ok((target, seen))
}

/// The package databases of the base image alone: the daemon hands the image out a second time.
fn base_again(
    place: &str,
    image: &DaemonImage,
    selection: &Selection,
    same: &plimsoll_model::Digest,
    base: usize,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Inventory, String> {
    let mut archive = image.archive().map_err(|error| error.to_string())?;
    let mut passed =
        stream_layers(place, &mut archive, None, selection, &PackageDatabases, options, progress)
            .map_err(|error| error.to_string())?;
    if passed.image.config_digest != *same {
        return Err("the daemon handed out another image the second time".to_owned());
    }
    passed.layers.truncate(base);
    let walk = plimsoll_fs::merge(passed.layers, &PackageDatabases, &limits(options));
    Ok(assembled(walk, Vec::new()).inventory)
}

/// The files of a container as they are now, from the first daemon that knows it.
pub(crate) fn container(typed: &str, name: &str, options: &Options, progress: &dyn Progress) -> Read {
    let daemons = daemons(typed, options)?;
    let mut tried = Vec::new();
    if !options.from.iter().any(|via| WITH_CONTAINERS.contains(via)) {
        tried.push("--from names no daemon".to_owned());
    }
    let mut hint = None;
    for via in options.from.iter().filter(|via| WITH_CONTAINERS.contains(via)) {
        match daemons.container(*via, name) {
            Ok(container) => return read_container(typed, &container, options, progress),
            Err(error) => {
                hint = hint.or_else(|| error.hint().filter(|_| matches!(error, Error::NotInDaemon { .. })));
                tried.push(error.to_string());
            }
        }
    }
    Err(ScanError::Nowhere { kind: "container", name: name.to_owned(), tried, hint })
}

fn read_container(
    typed: &str,
    container: &DaemonContainer,
    options: &Options,
    progress: &dyn Progress,
) -> Read {
    let (limits, extractors) = (limits(options), options.extractors());
    let files = plimsoll_fs::read_layer(
        &mut container.files()?,
        &format!("container {}", container.name),
        &extractors,
        &limits,
        &Heard(progress),
    );
    let mut seen = assembled(plimsoll_fs::merge(vec![files], &extractors, &limits), Vec::new());
    let target = TargetFacts {
        reference: container.image.clone(),
        image_id: container.image_id.parse().ok(),
        release: seen.inventory.release.clone(),
        origin: Some(container.origin()),
        ..TargetFacts::named(TargetKind::Image, typed)
    };
    // Rules about the configuration stay unknown, by name: it is the engine's, and was not asked for.
    add_settings(&mut seen, None, &target, options);
    Ok((target, seen))
}
