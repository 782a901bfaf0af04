//! DNS, state, files, the call and the log. Nothing leaves the test.

/// What the filter may know of its call.
pub mod call {
    use super::super::world;

    pub fn get_time_left() -> u64 {
        world(|world| world.time_left)
    }

    pub fn get_filter_name() -> String {
        "test".to_owned()
    }

    pub fn is_shadow() -> bool {
        false
    }

    pub fn get_time() -> u64 {
        world(|world| world.now)
    }
}

/// Files a test has attached.
pub mod assets {
    use super::super::{piece, world};

    pub fn list_names() -> Vec<String> {
        world(|world| world.assets.keys().cloned().collect())
    }

    pub fn get_size(name: &str) -> Option<u64> {
        world(|world| world.assets.get(name).map(|content| u64::try_from(content.len()).unwrap_or(u64::MAX)))
    }

    pub fn read(name: &str, start: u64, limit: u32) -> Vec<u8> {
        world(|world| world.assets.get(name).map(|content| piece(content, start, limit)).unwrap_or_default())
    }
}

/// The log and counters a test can read.
pub mod telemetry {
    use super::super::world;
    pub use crate::bindings::imports::postwarden::filter::telemetry::Level;

    pub fn log(level: Level, message: &str, fields: &[(String, String)]) {
        let fields: String = fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        world(|world| world.log.push(format!("{level:?}: {message}{fields}")));
    }

    pub fn is_enabled(level: Level) -> bool {
        let _ = level;
        true
    }

    pub fn add_to_counter(name: &str, delta: u64) {
        world(|world| {
            let sum = world.counters.entry(name.to_owned()).or_default();
            *sum = sum.saturating_add(delta);
        });
    }
}

/// Answers a test has set; other names do not exist.
pub mod dns {
    use super::super::world;
    pub use crate::bindings::imports::postwarden::filter::dns::{Answer, Error, Question, RecordData, RecordType};

    pub fn resolve(question: &Question) -> Result<Answer, Error> {
        world(|world| {
            if !world.granted.dns {
                return Err(Error::AccessDenied);
            }
            if world.configuring {
                return Err(Error::Other("configure may not ask".to_owned()));
            }
            let name = question.name.trim_end_matches('.').to_ascii_lowercase();
            world.dns.get(&(name, question.record_type)).cloned().unwrap_or(Err(Error::NoSuchName))
        })
    }

    pub fn resolve_all(questions: &[Question]) -> Vec<Result<Answer, Error>> {
        questions.iter().map(resolve).collect()
    }
}

/// Buckets in memory, with the test's clock.
pub mod state {
    use super::super::world;
    pub use crate::bindings::imports::postwarden::filter::state::Error;

    /// A bucket by its name.
    #[derive(Debug)]
    pub struct Bucket(String);

    impl Bucket {
        pub fn open(name: &str) -> Result<Self, Error> {
            match world(|world| world.granted.state) {
                true => Ok(Self(name.to_owned())),
                false => Err(Error::AccessDenied),
            }
        }

        pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
            let place = (self.0.clone(), key.to_owned());
            Ok(world(|world| {
                let value = world.value(&place);
                if world.configuring {
                    world.watched.entry(place).or_insert_with(|| value.clone());
                }
                value
            }))
        }

        pub fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, Error> {
            Ok(world(|world| keys.iter().map(|key| world.value(&(self.0.clone(), key.clone()))).collect()))
        }

        pub fn set(&self, key: &str, value: &[u8], ttl: Option<u64>) -> Result<(), Error> {
            may_write()?;
            self.put(key, value.to_vec(), ttl);
            Ok(())
        }

        pub fn delete(&self, key: &str) -> Result<(), Error> {
            may_write()?;
            world(|world| world.state.remove(&(self.0.clone(), key.to_owned())));
            Ok(())
        }

        pub fn increment(&self, key: &str, delta: i64, ttl: Option<u64>) -> Result<i64, Error> {
            may_write()?;
            let present = self.get(key)?;
            let number = |value: &Vec<u8>| std::str::from_utf8(value).ok()?.parse::<i64>().ok();
            let sum = match &present {
                Some(value) => number(value).ok_or_else(|| Error::Other("no counter".to_owned()))?,
                None => 0,
            };
            let sum = sum.saturating_add(delta);
            if present.is_some() {
                let place = (self.0.clone(), key.to_owned());
                world(|world| {
                    if let Some((value, _)) = world.state.get_mut(&place) {
                        *value = sum.to_string().into_bytes();
                    }
                });
            } else {
                self.put(key, sum.to_string().into_bytes(), ttl);
            }
            Ok(sum)
        }

        pub fn increment_many(&self, deltas: &[(String, i64)], ttl: Option<u64>) -> Result<Vec<i64>, Error> {
            deltas.iter().map(|(key, delta)| self.increment(key, *delta, ttl)).collect()
        }

        pub fn compare_and_set(
            &self,
            key: &str,
            expected: Option<&[u8]>,
            value: &[u8],
            ttl: Option<u64>,
        ) -> Result<bool, Error> {
            may_write()?;
            let fits = self.get(key)?.as_deref() == expected;
            if fits {
                self.put(key, value.to_vec(), ttl);
            }
            Ok(fits)
        }

        pub fn list_keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, Error> {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            Ok(world(|world| {
                let own = world.state.keys().filter(|(bucket, _)| *bucket == self.0).map(|(_, key)| key);
                let found = own.filter(|key| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after));
                found.take(limit).cloned().collect()
            }))
        }

        fn put(&self, key: &str, value: Vec<u8>, ttl: Option<u64>) {
            world(|world| {
                let expiry = ttl.map(|ttl| world.now.saturating_add(ttl / 1_000_000));
                world.state.insert((self.0.clone(), key.to_owned()), (value, expiry));
            });
        }
    }

    fn may_write() -> Result<(), Error> {
        if world(|world| world.configuring) { Err(Error::AccessDenied) } else { Ok(()) }
    }
}

/// Peers a test has set; connections to others are denied.
pub mod tcp {
    use std::cell::Cell;

    use super::super::{piece, world};
    pub use crate::bindings::imports::postwarden::filter::tcp::Error;

    /// To a peer that takes everything and says what the test has set.
    #[derive(Debug)]
    pub struct Connection {
        address: String,
        read: Cell<u64>,
    }

    impl Connection {
        pub fn open(host: &str, port: u16) -> Result<Self, Error> {
            let address = format!("{host}:{port}");
            match world(|world| world.peers.contains_key(&address)) {
                true => Ok(Self { address, read: Cell::new(0) }),
                false => Err(Error::AccessDenied),
            }
        }

        pub fn write(&self, bytes: &[u8]) -> Result<(), Error> {
            world(|world| world.sent.entry(self.address.clone()).or_default().extend_from_slice(bytes));
            Ok(())
        }

        pub fn read(&self, limit: u32) -> Result<Vec<u8>, Error> {
            let said = world(|world| world.peers.get(&self.address).map(|said| piece(said, self.read.get(), limit)));
            let said = said.unwrap_or_default();
            self.read.set(self.read.get().saturating_add(u64::try_from(said.len()).unwrap_or(u64::MAX)));
            Ok(said)
        }
    }
}
