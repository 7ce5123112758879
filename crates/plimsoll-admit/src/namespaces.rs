//! The namespaces of the cluster, followed while the webhook runs: rules and expressions look at their labels.
//!
//! Only webhooks whose policies look at namespaces read them. What is not known stays unknown: a rule that needs it is not
//! decided, and whoever asks is told to come again.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use plimsoll_model::one_line;
use plimsoll_scan::kube::{Client, Event, Filter, Resource};
use serde_json::Value;

static NAMESPACES: Resource = Resource::new("", "v1", "namespaces", "Namespace", false);
/// How long to wait after a server that refused us was asked.
const AGAIN: Duration = Duration::from_secs(30);
/// Most namespaces that are kept.
const MOST: usize = 100_000;

type All = HashMap<String, Arc<Value>>;

/// What is known of namespaces.
#[derive(Debug, Default)]
pub struct Namespaces(RwLock<All>);

impl Namespaces {
    /// A namespace as an object, where it is known.
    pub fn get(&self, name: &str) -> Option<Arc<Value>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// These are all.
    pub fn replace(&self, objects: impl IntoIterator<Item = Value>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) =
            objects.into_iter().filter_map(named).collect();
    }

    fn put(&self, object: Value) {
        if let Some((name, object)) = named(object) {
            let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
            if all.len() < MOST || all.contains_key(&name) {
                all.insert(name, object);
            }
        }
    }

    fn remove(&self, object: &Value) {
        if let Some(name) = object["metadata"]["name"].as_str() {
            self.0.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        }
    }

    /// Follows the namespaces of a cluster, for ever, on a thread of its own. Troubles are told.
    pub fn follow(self: &Arc<Self>, client: Client, told: impl Fn(String) + Send + 'static) {
        let namespaces = Arc::downgrade(self);
        std::thread::spawn(move || {
            loop {
                let mut coming: Option<Vec<Value>> = None;
                let done = client.follow(&NAMESPACES, &Filter::default(), &mut |event| {
                    let Some(namespaces) = namespaces.upgrade() else { return ControlFlow::Break(()) };
                    match (event, &mut coming) {
                        (Event::Begin, _) => coming = Some(Vec::new()),
                        (Event::Applied(object), Some(coming)) if coming.len() < MOST => {
                            coming.push(Value::from(object));
                        }
                        (Event::Applied(_), Some(_)) | (Event::Quiet, _) => {}
                        (Event::Applied(object), None) => namespaces.put(Value::from(object)),
                        (Event::Deleted(object), _) => namespaces.remove(&Value::from(object)),
                        (Event::Complete, _) => namespaces.replace(coming.take().unwrap_or_default()),
                        (Event::Trouble(error), _) => told(one_line(error)),
                    }
                    ControlFlow::Continue(())
                });
                match done {
                    Ok(()) => return,
                    // Somebody may give us the right that is missing.
                    Err(error) => told(one_line(&error)),
                }
                if namespaces.strong_count() == 0 {
                    return;
                }
                std::thread::sleep(AGAIN);
            }
        });
    }
}

/// By its name, without what only servers read.
fn named(mut object: Value) -> Option<(String, Arc<Value>)> {
    let metadata = object.get_mut("metadata")?.as_object_mut()?;
    metadata.remove("managedFields");
    let name = metadata.get("name")?.as_str()?.to_owned();
    Some((name, Arc::new(object)))
}
