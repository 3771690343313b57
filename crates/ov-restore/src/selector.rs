//! Which snapshot people mean.

use thiserror::Error;

use crate::moment::Moment;
use crate::snapshots::{SnapshotInfo, Snapshots};
use crate::tree::is_at_or_below;

/// What snapshots must be like to be looked at. Empty lists take all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// One of these datasets.
    pub datasets: Vec<String>,
    /// One of these hosts.
    pub hosts: Vec<String>,
    /// One of these paths was asked for at the backup, or a folder above it.
    pub paths: Vec<Vec<u8>>,
    /// All of these tags.
    pub tags: Vec<String>,
}

impl Filters {
    /// Whether a snapshot passes.
    pub fn take(&self, info: &SnapshotInfo) -> bool {
        let one_of =
            |wanted: &[String], found: &String| wanted.is_empty() || wanted.contains(found);
        let asked_for = |path: &Vec<u8>| {
            let roots = info.snapshot.paths.iter();
            roots
                .map(|root| clean(root))
                .any(|root| is_at_or_below(clean(path), root))
        };
        one_of(&self.datasets, &info.snapshot.dataset)
            && one_of(&self.hosts, &info.snapshot.host)
            && (self.paths.is_empty() || self.paths.iter().any(asked_for))
            && self.tags.iter().all(|tag| info.tags.contains(tag))
    }
}

/// Why no snapshot can be picked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SelectError {
    /// Nothing fits.
    #[error("no snapshot fits {spec:?}")]
    None {
        /// What was asked for.
        spec: String,
    },
    /// Several names begin like this.
    #[error("{spec:?} may be any of {}", candidates.join(", "))]
    Ambiguous {
        /// What was asked for.
        spec: String,
        /// The full names.
        candidates: Vec<String>,
    },
    /// It is neither a name nor a date.
    #[error(
        "{spec:?} is no snapshot: give the first digits of its id, `latest`, `latest~N`, or a date"
    )]
    NotASpec {
        /// What was asked for.
        spec: String,
    },
}

impl Snapshots {
    /// Those that pass the filters, the oldest first.
    pub fn filtered<'s, 'f>(
        &'s self,
        filters: &'f Filters,
    ) -> impl DoubleEndedIterator<Item = &'s SnapshotInfo> + use<'s, 'f> {
        self.listed.iter().filter(|info| filters.take(info))
    }

    /// The snapshot that `spec` means: the first digits of an id; `latest` or `latest~N` (N
    /// before it); or a date: the newest that is not after it. Ids are looked for among all,
    /// everything else among those that pass the filters.
    pub fn select(&self, spec: &str, filters: &Filters) -> Result<&SnapshotInfo, SelectError> {
        let none = || SelectError::None {
            spec: spec.to_owned(),
        };
        let fitting: Vec<&SnapshotInfo> = self.filtered(filters).collect();
        if let Some(back) = latest(spec) {
            return fitting.into_iter().nth_back(back).ok_or_else(none);
        }
        if let Some(moment) = Moment::parse(spec) {
            let newest = fitting
                .into_iter()
                .rfind(|info| moment.holds(info.moment()));
            return newest.ok_or_else(none);
        }
        self.by_prefix(spec)
    }

    fn by_prefix(&self, spec: &str) -> Result<&SnapshotInfo, SelectError> {
        let prefix = spec.to_ascii_lowercase();
        let is_hex = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_hexdigit());
        let spec = spec.to_owned();
        if !is_hex {
            return Err(SelectError::NotASpec { spec });
        }
        let named = |info: &&SnapshotInfo| info.id().starts_with(&prefix);
        let found: Vec<&SnapshotInfo> = self.listed.iter().filter(named).collect();
        match found[..] {
            [] => Err(SelectError::None { spec }),
            [one] => Ok(one),
            _ => Err(SelectError::Ambiguous {
                spec,
                candidates: found.iter().map(|info| info.id()).collect(),
            }),
        }
    }
}

fn latest(spec: &str) -> Option<usize> {
    match spec.strip_prefix("latest")? {
        "" => Some(0),
        rest => rest.strip_prefix('~')?.parse().ok(),
    }
}

/// A path as people write it, as keys have it: no slashes around it, none twice, no dots.
pub(crate) fn clean(path: &[u8]) -> &[u8] {
    let start = path.iter().position(|&byte| byte != b'/');
    let end = path.iter().rposition(|&byte| byte != b'/');
    match (start, end) {
        (Some(start), Some(end)) => path.get(start..=end).unwrap_or_default(),
        _ => b"",
    }
}

/// `SNAP` or `SNAP:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotPath {
    /// Which snapshot.
    pub spec: String,
    /// The path inside it, as keys have it; empty: all of it.
    pub path: Vec<u8>,
}

impl SnapshotPath {
    /// Reads what people write. Dates have colons too: what is a date as a whole has no path, and
    /// behind a date a path begins with a slash.
    pub fn parse(text: &[u8]) -> Result<Self, SelectError> {
        let as_text = |bytes: &[u8]| {
            String::from_utf8(bytes.to_vec()).map_err(|_| SelectError::NotASpec {
                spec: String::from_utf8_lossy(bytes).into_owned(),
            })
        };
        let whole = std::str::from_utf8(text).ok().and_then(Moment::parse);
        let is_dated = text.get(4) == Some(&b'-');
        let absolute = text.windows(2).position(|two| two == b":/");
        let cut = match (whole, absolute) {
            (Some(_), _) => None,
            (None, Some(at)) if is_dated => Some(at),
            (None, _) => text.iter().position(|&byte| byte == b':'),
        };
        let (spec, path) = match cut.and_then(|at| text.split_at_checked(at)) {
            Some((spec, path)) => (spec, path.get(1..).unwrap_or_default()),
            None => (text, &b""[..]),
        };
        Ok(Self {
            spec: as_text(spec)?,
            path: clean(path).to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ov_format::entry::Time;
    use ov_format::id::{CompartmentId, MemberId, ObjectHash, TargetId};
    use ov_format::name::{LogId, RecordName};
    use ov_format::snapshot::{Counts, Snapshot};
    use ov_vault::state::Verdict;

    fn info(day: i64, host: &str, id: u8) -> SnapshotInfo {
        let time = Time {
            seconds: day * 86_400,
            nanos: 0,
        };
        let log = LogId {
            member: MemberId([1; 8]),
            target: TargetId([1; 8]),
        };
        let mut hash = [0xab; 32];
        hash[1] = id;
        SnapshotInfo {
            commit: RecordName {
                log,
                number: 0,
                hash: ObjectHash(hash),
            },
            snapshot: Snapshot {
                time,
                ended: time,
                dataset: "plans".into(),
                host: host.into(),
                user: "u".into(),
                paths: vec![b"/data/plans".to_vec()],
                tags: Vec::new(),
                root: None,
                root_level: 0,
                catalog: None,
                catalog_level: 0,
                issuer: String::new(),
                counts: Counts::default(),
                program: "test".into(),
            },
            compartment: CompartmentId([1; 8]),
            verdict: Verdict::Open,
            arrival: None,
            held: false,
            tags: vec!["weekly".into()],
            member: MemberId([1; 8]),
        }
    }

    fn three() -> Snapshots {
        Snapshots {
            listed: vec![info(1, "tps", 1), info(2, "pacs", 2), info(3, "tps", 0x23)],
            ..Snapshots::default()
        }
    }

    fn picked(spec: &str, filters: &Filters) -> Result<i64, SelectError> {
        let days = |info: &SnapshotInfo| info.snapshot.time.seconds / 86_400;
        three().select(spec, filters).map(days)
    }

    #[test]
    fn latest_dates_and_ids_each_mean_one_snapshot() {
        let all = Filters::default();
        assert_eq!(picked("latest", &all), Ok(3));
        assert_eq!(picked("latest~2", &all), Ok(1));
        assert_eq!(picked("1970-01-03", &all), Ok(2));
        assert_eq!(picked("1970-01-02T00:00:00Z", &all), Ok(1));
        assert_eq!(picked("ab02", &all), Ok(2));
        assert_eq!(picked("AB23", &all), Ok(3));
        let none = |spec: &str| Err(SelectError::None { spec: spec.into() });
        assert_eq!(picked("latest~3", &all), none("latest~3"));
        assert_eq!(picked("1969-12", &all), none("1969-12"));
        assert_eq!(picked("ff", &all), none("ff"));
        for spec in ["", "last", "latest~x", "ab 02"] {
            let spec = spec.to_owned();
            assert_eq!(
                picked(&spec.clone(), &all),
                Err(SelectError::NotASpec { spec })
            );
        }
    }

    #[test]
    fn an_ambiguous_id_names_all_that_it_may_be() {
        let all = Filters::default();
        let Err(SelectError::Ambiguous { candidates, .. }) = picked("ab", &all) else {
            panic!("ab is the beginning of all three");
        };
        assert_eq!(candidates.len(), 3);
        let found = three();
        let (a, b) = (found.listed[1].id(), found.listed[2].id());
        let both = Snapshots {
            listed: vec![found.listed[1].clone(), found.listed[2].clone()],
            ..Snapshots::default()
        };
        let candidates = vec![a, b];
        let spec = "ab".to_owned();
        let error = SelectError::Ambiguous { spec, candidates };
        assert_eq!(both.select("ab", &all).err(), Some(error));
    }

    #[test]
    fn filters_narrow_what_latest_means() {
        let of = |filters: Filters| picked("latest", &filters).ok();
        let hosts = |host: &str| Filters {
            hosts: vec![host.into()],
            ..Filters::default()
        };
        assert_eq!(of(hosts("pacs")), Some(2));
        assert_eq!(of(hosts("none")), None);
        let paths = |path: &[u8]| Filters {
            paths: vec![path.to_vec()],
            ..Filters::default()
        };
        assert_eq!(of(paths(b"/data/plans/2026")), Some(3));
        assert_eq!(of(paths(b"/data")), None);
        let tags = |tag: &str| Filters {
            tags: vec![tag.into()],
            ..Filters::default()
        };
        assert_eq!((of(tags("weekly")), of(tags("other"))), (Some(3), None));
    }

    #[test]
    fn a_clock_that_is_ahead_does_not_make_a_snapshot_the_latest() {
        let mut ahead = info(9000, "tps", 4);
        ahead.arrival = Some(Time {
            seconds: 2 * 86_400,
            nanos: 1,
        });
        assert!(ahead.moment() < info(3, "tps", 5).moment());
    }

    #[test]
    fn a_path_is_told_from_a_date() {
        let parse = |text: &str| {
            let found = SnapshotPath::parse(text.as_bytes()).unwrap();
            (found.spec, String::from_utf8(found.path).unwrap())
        };
        let pair = |spec: &str, path: &str| (spec.to_owned(), path.to_owned());
        assert_eq!(parse("latest"), pair("latest", ""));
        assert_eq!(parse("ab12:/data/x/"), pair("ab12", "data/x"));
        assert_eq!(parse("ab12:data/a:/b"), pair("ab12", "data/a:/b"));
        assert_eq!(parse("ab12:data/a:b"), pair("ab12", "data/a:b"));
        assert_eq!(parse("2026-11-22T10:30"), pair("2026-11-22T10:30", ""));
        assert_eq!(parse("2026-11-22T10:30:/d"), pair("2026-11-22T10:30", "d"));
        assert_eq!(parse("latest:/"), pair("latest", ""));
    }
}
