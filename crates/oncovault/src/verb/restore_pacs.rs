//! `restore --patient` into a PACS: every DICOM object of one patient, with a list of what was taken
//! and what was not.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Read};

use ov_pacs::{
    Access, Address, Candidate, Certificates, Choice, Content, Effort, Object, Outcome, PlainHttp,
    choose,
};
use ov_restore::{ContentReader, DumpError, EntryError, FrameReader};
use ov_terminal::meter::{Meter, Status};
use ov_terminal::screen::{BOLD, GOOD, shown};
use ov_terminal::{Desk, Exit, Failure, amount};
use serde_json::{Map, Value, json};

use crate::explain;
use crate::reading::Reading;
use crate::verb::patient_wish::{self, Asked, Wanted, Wish};

/// How many of many are named to people.
const NAMED_MAX: usize = 20;
/// How many threads fetch a file ahead.
const WORKERS: usize = 2;

/// Gives what is held of a patient to a PACS.
pub fn run(
    asked: &Asked<'_>,
    address: &Address,
    reading: &Reading,
    desk: &Desk,
    meter: &Meter,
) -> Result<Exit, Failure> {
    if address.is_open() && !address.is_near() {
        desk.screen.warn(format_args!(
            "{address} speaks without encryption: whoever is on the way can read names and images"
        ));
    }
    let graph = reading.graph()?;
    let reader = reading.reader(&graph);
    let wish = Wish::find(asked, reading, &reader, desk)?;
    let files: Vec<Wanted<'_, '_>> = wish.files().collect();
    let candidates: Vec<Candidate<'_>> = files
        .iter()
        .map(|(_, version)| Candidate {
            said: version.said(),
            changed: version.entry.meta.mtime,
        })
        .collect();
    let mut giving = Giving::new(&files, choose(&candidates));
    let sent = giving.send(address, &access(desk), &reader, meter);
    meter.clear();
    wish.tell(desk);
    giving.tell(address, desk);
    wish.tell_gaps(desk);
    if sent.is_ok() && giving.those(Fate::is_failure).is_empty() {
        wish.tell_complete(desk);
    }
    desk.screen
        .document(&giving.document(&wish, address, sent.as_ref().err()));
    sent.map_err(explain::pacs)?;
    Ok(giving.exit(wish.exit()))
}

fn access(desk: &Desk) -> Access {
    let options = &desk.options.s3;
    let mut access = Access::of(&|name| std::env::var(name).ok());
    if let Some(file) = &options.ca_file {
        access.certificates = Certificates::File(file.clone());
    }
    if options.allow_http {
        access.plain_http = PlainHttp::Anywhere;
    }
    access
}

/// Files on their way, and what became of each.
struct Giving<'w, 's> {
    files: &'w [Wanted<'w, 's>],
    fates: Vec<Fate<'w>>,
}

/// What becomes of a file.
enum Fate<'w> {
    Chosen(Choice<'w>),
    /// It was given, or was to be.
    Told(Outcome, Option<DumpError>),
}

impl<'w, 's> Giving<'w, 's> {
    fn new(files: &'w [Wanted<'w, 's>], choices: Vec<Choice<'w>>) -> Self {
        Self {
            files,
            fates: choices.into_iter().map(Fate::Chosen).collect(),
        }
    }

    fn send(
        &mut self,
        address: &Address,
        access: &Access,
        reader: &FrameReader<'_>,
        meter: &Meter,
    ) -> Result<(), ov_pacs::PacsError> {
        let contents: Vec<FileContent<'_>> = self
            .files
            .iter()
            .map(|file| FileContent::new(reader, *file))
            .collect();
        let (mut places, mut objects) = (Vec::new(), Vec::new());
        for (at, (fate, content)) in self.fates.iter().zip(&contents).enumerate() {
            if let Some(object) = object(fate, content) {
                places.push(at);
                objects.push(object);
            }
        }
        let mut progress = Progress::of(&objects);
        let mut told = Vec::new();
        let sent = ov_pacs::send(
            address,
            access,
            &objects,
            &Effort::default(),
            &mut |at, outcome| {
                if let (Some(object), Some(place)) = (objects.get(at), places.get(at)) {
                    let failed = contents.get(*place).and_then(FileContent::failed);
                    told.push((*place, Fate::Told(outcome, failed)));
                    progress.add(object);
                    meter.show(|| progress.status());
                }
            },
        );
        for (place, fate) in told {
            if let Some(slot) = self.fates.get_mut(place) {
                *slot = fate;
            }
        }
        sent
    }

    /// Each file with what became of it.
    fn each(&self) -> impl Iterator<Item = (Wanted<'w, 's>, &Fate<'w>)> {
        self.files.iter().copied().zip(&self.fates)
    }

    fn those(&self, wanted: impl Fn(&Fate<'w>) -> bool) -> Vec<Wanted<'w, 's>> {
        let fitting = self.each().filter(|(_, fate)| wanted(fate));
        fitting.map(|(file, _)| file).collect()
    }

    fn tell(&self, address: &Address, desk: &Desk) {
        let foreign = self.those(Fate::is_foreign);
        if !foreign.is_empty() {
            let count = u64::try_from(foreign.len()).unwrap_or(u64::MAX);
            desk.screen.warn(format_args!(
                "{} cannot go into a PACS and did not come back; --to DIR brings everything:",
                amount::of(count, "file", "files")
            ));
            patient_wish::table(foreign.into_iter()).print(&desk.screen);
        }
        self.tell_named(desk);
        let stored = self.those(Fate::is_stored);
        let bytes = stored.iter().map(|(_, version)| version.entry.meta.size);
        let bytes = bytes.fold(0u64, u64::saturating_add);
        let count = u64::try_from(stored.len()).unwrap_or(u64::MAX);
        desk.screen.line(format_args!(
            "{GOOD}Given{GOOD:#} to {BOLD}{address}{BOLD:#}: {} ({}), each as it was backed up.",
            amount::of(count, "object", "objects"),
            amount::bytes(bytes)
        ));
        let twins = self.those(|fate| matches!(fate, Fate::Chosen(Choice::Twin(_))));
        if !twins.is_empty() {
            let count = u64::try_from(twins.len()).unwrap_or(u64::MAX);
            desk.screen.note(format_args!(
                "{} the same object as another and went once",
                amount::of(count, "file is", "files are")
            ));
        }
        let failed = u64::try_from(self.those(Fate::is_failure).len()).unwrap_or(u64::MAX);
        if failed > 0 {
            desk.screen.warn(format_args!(
                "{} not in the PACS",
                amount::of(
                    failed,
                    "object of this patient is",
                    "objects of this patient are"
                )
            ));
        }
    }

    /// Names what is not there, or is not as it was.
    fn tell_named(&self, desk: &Desk) {
        let named = self.each().filter(|(_, fate)| {
            fate.is_failure() || matches!(fate, Fate::Told(Outcome::Warned(_), _))
        });
        let (mut shown_count, mut more) = (0, 0u64);
        for ((holding, _), fate) in named {
            if shown_count == NAMED_MAX {
                more += 1;
                continue;
            }
            shown_count += 1;
            let path = shown(&holding.key.path());
            let why = fate.why(self.files).unwrap_or_default();
            desk.screen.warn(format_args!("/{path}: {why}"));
        }
        if more > 0 {
            desk.screen
                .warn(format_args!("and {more} more; --json names all"));
        }
    }

    fn document(
        &self,
        wish: &Wish<'s>,
        address: &Address,
        stopped: Option<&ov_pacs::PacsError>,
    ) -> Value {
        let fates: BTreeMap<_, _> = self
            .each()
            .map(|((holding, _), fate)| (std::ptr::from_ref(holding), fate))
            .collect();
        let fate_of = |wanted: Wanted<'_, 's>| {
            let fate = fates.get(&std::ptr::from_ref(wanted.0));
            Map::from_iter([
                ("outcome".to_owned(), json!(fate.map(|fate| fate.word()))),
                (
                    "why".to_owned(),
                    json!(fate.and_then(|fate| fate.why(self.files))),
                ),
            ])
        };
        let mut said = wish.document(&address.to_string(), &fate_of);
        let foreign = self.those(Fate::is_foreign);
        let counts = [
            ("stored", json!(self.those(Fate::is_stored).len())),
            ("failed", json!(self.those(Fate::is_failure).len())),
            ("not_sendable", patient_wish::kinds(foreign.into_iter())),
            ("stopped", json!(stopped.map(ToString::to_string))),
        ];
        said.extend(counts.map(|(name, value)| (name.to_owned(), value)));
        Value::Object(said)
    }

    /// Damage outranks what the PACS refused.
    fn exit(&self, searched: Exit) -> Exit {
        let exits = self.fates.iter().map(Fate::exit).chain([searched]);
        exits.fold(Exit::Done, explain::worse)
    }
}

/// What is to be given of a file, if anything is.
fn object<'c>(fate: &Fate<'c>, content: &'c FileContent<'_>) -> Option<Object<'c>> {
    let Fate::Chosen(Choice::Give {
        class,
        instance,
        syntax,
    }) = fate
    else {
        return None;
    };
    Some(Object {
        class,
        instance,
        syntax: *syntax,
        length: content.file.1.entry.meta.size,
        content,
    })
}

impl Fate<'_> {
    fn is_stored(&self) -> bool {
        matches!(self, Self::Told(Outcome::Stored | Outcome::Warned(_), _))
    }

    fn is_foreign(&self) -> bool {
        matches!(self, Self::Chosen(Choice::Unfit(unfit)) if !unfit.is_object())
    }

    /// Whether an object is not in the PACS that should be.
    fn is_failure(&self) -> bool {
        let twin = matches!(self, Self::Chosen(Choice::Twin(_)));
        !self.is_stored() && !self.is_foreign() && !twin
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Chosen(Choice::Give { .. }) => "not_sent",
            Self::Chosen(Choice::Twin(_)) => "same_object",
            Self::Chosen(Choice::Rival(_)) => "other_content",
            Self::Chosen(Choice::Unfit(_)) => "not_sendable",
            Self::Told(Outcome::Stored, _) => "stored",
            Self::Told(Outcome::Warned(_), _) => "stored_with_warning",
            Self::Told(Outcome::Refused(_), _) => "refused",
            Self::Told(Outcome::Unread(_), _) => "unread",
        }
    }

    fn why(&self, files: &[Wanted<'_, '_>]) -> Option<String> {
        let path = |at: usize| {
            let path = files.get(at).map(|(holding, _)| holding.key.path());
            shown(&path.unwrap_or_default())
        };
        match self {
            Self::Chosen(Choice::Give { .. }) => Some("it was not sent any more".to_owned()),
            Self::Chosen(Choice::Twin(at)) => {
                Some(format!("it is the same object as /{}", path(*at)))
            }
            Self::Chosen(Choice::Rival(at)) => Some(format!(
                "/{} has the same SOP instance UID and another content, and was changed later: a \
                 PACS holds one of them, and was given that one",
                path(*at)
            )),
            Self::Chosen(Choice::Unfit(unfit)) => Some(unfit.reason().to_owned()),
            Self::Told(Outcome::Stored, _) => None,
            Self::Told(Outcome::Warned(status), _) => Some(format!("stored, but {status}")),
            Self::Told(Outcome::Refused(refusal), _) => Some(refusal.to_string()),
            Self::Told(Outcome::Unread(_), Some(error)) => Some(error.to_string()),
            Self::Told(Outcome::Unread(error), None) => Some(error.to_string()),
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Told(Outcome::Unread(_), Some(DumpError::Unreadable(_))) => Exit::SourceUnread,
            Self::Told(Outcome::Unread(_), Some(DumpError::Content(EntryError::Read(error)))) => {
                explain::exit_of_read(error)
            }
            Self::Told(Outcome::Unread(_), _) => Exit::Damage,
            _ if self.is_failure() => Exit::Failed,
            _ => Exit::Done,
        }
    }
}

/// A file of the vault as whoever sends it reads it.
struct FileContent<'r> {
    reader: &'r FrameReader<'r>,
    file: Wanted<'r, 'r>,
    failed: RefCell<Option<DumpError>>,
}

impl<'r> FileContent<'r> {
    fn new(reader: &'r FrameReader<'r>, file: Wanted<'r, 'r>) -> Self {
        Self {
            reader,
            file,
            failed: RefCell::new(None),
        }
    }

    /// Why it could not be read, the last time that this was tried.
    fn failed(&self) -> Option<DumpError> {
        self.failed.take()
    }
}

impl Content for FileContent<'_> {
    fn open(&self) -> Box<dyn Read + '_> {
        self.failed.replace(None);
        match ContentReader::of(self.reader, &self.file.1.entry, WORKERS) {
            Ok(reader) => Box::new(Pieces {
                reader,
                failed: &self.failed,
            }),
            Err(error) => Box::new(Unreadable {
                error: Some(error),
                failed: &self.failed,
            }),
        }
    }
}

struct Pieces<'r> {
    reader: ContentReader<'r>,
    failed: &'r RefCell<Option<DumpError>>,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer).inspect_err(|_| {
            let error = self.reader.failed.take().map(DumpError::Content);
            self.failed.replace(error);
        })
    }
}

struct Unreadable<'r> {
    error: Option<DumpError>,
    failed: &'r RefCell<Option<DumpError>>,
}

impl Read for Unreadable<'_> {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.failed.replace(self.error.take());
        Err(io::Error::other("the file cannot be read"))
    }
}

/// How far it has come.
struct Progress {
    files: u64,
    files_total: u64,
    bytes: u64,
    bytes_total: u64,
}

impl Progress {
    fn of(objects: &[Object<'_>]) -> Self {
        let bytes = objects.iter().map(|object| object.length);
        Self {
            files: 0,
            files_total: u64::try_from(objects.len()).unwrap_or(u64::MAX),
            bytes: 0,
            bytes_total: bytes.fold(0, u64::saturating_add),
        }
    }

    fn add(&mut self, object: &Object<'_>) {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(object.length);
    }

    fn status(&self) -> Status {
        Status {
            files: self.files,
            files_total: self.files_total,
            bytes: self.bytes,
            bytes_total: self.bytes_total,
            also: String::new(),
            current: Vec::new(),
        }
    }
}
