//! What `cargo xtask bench` is told.

use super::corpus::Scale;
use crate::finding::Chore;
use std::path::PathBuf;

/// The options of a run.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// How much of each corpus.
    pub scale: Scale,
    /// How often.
    pub repetitions: u32,
    /// These corpora alone.
    pub only: Option<Vec<String>>,
    /// These engines alone; ours is always among them.
    pub peers: Option<Vec<String>>,
    /// Our program; without it one is built.
    pub program: Option<PathBuf>,
    /// More folders to measure with, which are copied.
    pub also: Vec<PathBuf>,
    /// Where everything goes.
    pub out: Option<PathBuf>,
    /// Whether results that are there are thrown away.
    pub begin: Begin,
    /// Whether the primitives are measured too.
    pub rates: Rates,
}

/// What is done about the primitives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rates {
    /// They are built and measured once.
    Measured,
    /// They are left out: building them takes minutes.
    LeftOut,
}

/// What is done about earlier results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// Go on after them.
    Resume,
    /// Throw them away.
    Afresh,
}

impl Options {
    /// Understand the words after `bench`.
    pub fn parse(words: &[&str]) -> Result<Self, Chore> {
        let mut options = Self {
            scale: Scale::FULL,
            repetitions: 3,
            only: None,
            peers: None,
            program: None,
            also: Vec::new(),
            out: None,
            begin: Begin::Resume,
            rates: Rates::Measured,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().copied().ok_or(Chore::Usage);
            match *word {
                "--scale" => options.scale = scale(value()?)?,
                "--reps" => options.repetitions = value()?.parse().map_err(|_| Chore::Usage)?,
                "--only" => options.only = Some(list(value()?)),
                "--million" => options.only = Some(vec!["million".to_owned()]),
                "--peers" => options.peers = Some(list(value()?)),
                "--program" => options.program = Some(PathBuf::from(value()?)),
                "--also" => options.also.push(PathBuf::from(value()?)),
                "--out" => options.out = Some(PathBuf::from(value()?)),
                "--without-rates" => options.rates = Rates::LeftOut,
                "--fresh" => options.begin = Begin::Afresh,
                _ => return Err(Chore::Usage),
            }
        }
        if options.only.as_deref() == Some(&["million".to_owned()]) {
            // Others take long over so many files, and the goal is the walk.
            options.peers.get_or_insert_with(|| list("walk"));
        }
        Ok(options)
    }

    /// Whether this corpus is wanted; unless some are named, all are but the million files.
    pub fn wants_corpus(&self, name: &str) -> bool {
        match &self.only {
            Some(names) => names.iter().any(|wanted| wanted == name),
            None => name != "million",
        }
    }

    /// Whether this engine is wanted.
    pub fn wants_peer(&self, name: &str) -> bool {
        let is_named = |names: &Vec<String>| names.iter().any(|wanted| wanted == name);
        self.peers.as_ref().is_none_or(is_named)
    }
}

fn list(names: &str) -> Vec<String> {
    names.split(',').map(str::to_owned).collect()
}

fn scale(text: &str) -> Result<Scale, Chore> {
    let scale: f64 = text.parse().map_err(|_| Chore::Usage)?;
    let thousandths = (scale * 1000.0).round();
    if !(1.0..=100_000.0).contains(&thousandths) {
        return Err(Chore::Failed(format!(
            "the scale {text} is not between 0.001 and 100"
        )));
    }
    // Whole, positive and small: nothing is lost.
    Ok(Scale(thousandths as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_understood_and_strange_ones_refused() {
        let words = [
            "--scale",
            "0.2",
            "--only",
            "small,imaging",
            "--reps",
            "5",
            "--fresh",
        ];
        let options = Options::parse(&words).unwrap();
        assert_eq!((options.scale, options.repetitions), (Scale(200), 5));
        assert!(options.wants_corpus("imaging") && !options.wants_corpus("random"));
        assert!(options.wants_peer("restic"));
        assert_eq!(options.begin, Begin::Afresh);
        for strange in [
            &["--scale"][..],
            &["--scale", "0"],
            &["--reps", "x"],
            &["--speed"],
        ] {
            assert!(Options::parse(strange).is_err(), "{strange:?}");
        }
    }

    #[test]
    fn a_million_files_are_measured_only_when_asked_for() {
        assert!(!Options::parse(&[]).unwrap().wants_corpus("million"));
        let options = Options::parse(&["--million"]).unwrap();
        assert!(options.wants_corpus("million") && !options.wants_corpus("small"));
        assert!(options.wants_peer("walk") && !options.wants_peer("restic"));
        let options = Options::parse(&["--million", "--peers", "restic"]).unwrap();
        assert!(options.wants_peer("restic") && !options.wants_peer("walk"));
    }
}
