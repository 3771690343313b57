//! `status`: how things stand, and what to do.

use std::fs;

use ov_program::notify::{Event, Fact, Label, Message, Notifier, Notify, Topic};
use ov_program::status::{Level, Place, Reach, Status, Worry, write_textfile};
use ov_program::{Config, History};

use crate::amount;
use crate::configuration;
use crate::desk::Desk;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::{BAD, BOLD, GOOD, Screen, WARNING};
use crate::standing::{NamesOf, Probing, Standing};
use crate::table::{Side, Table};

/// What `status` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Try what each target really keeps, with small objects that are removed again
    #[arg(long)]
    probe: bool,

    /// Print metrics for Prometheus instead
    #[arg(long, conflicts_with = "probe")]
    metrics: bool,
}

/// Shows how things stand.
pub fn run(args: &Args, desk: &Desk, names: Option<NamesOf>) -> Result<Exit, Failure> {
    let probing = match args.probe {
        true => Probing::Now,
        false => Probing::Remembered,
    };
    let (desk, status) = gather(desk, names, probing)?;
    if args.metrics {
        desk.screen.line(status.metrics().trim_end());
    } else {
        print(&status, &desk.screen);
    }
    desk.screen.document(&status.document());
    Ok(match status.is_short() {
        true => Exit::FewCopies,
        false => Exit::Done,
    })
}

/// A status by the configuration, and the desk with its options.
pub fn gather(
    desk: &Desk,
    names: Option<NamesOf>,
    probing: Probing,
) -> Result<(Desk, Status), Failure> {
    let (_, config) = configuration::read(&desk.options)?;
    let mut options = desk.options.clone();
    configuration::fill(&mut options, &config)?;
    let desk = Desk::new(options);
    let folder = desk.member_state(desk.key_file()?.facts())?;
    let history = History::open(&folder)?;
    let standing = Standing {
        desk: &desk,
        config: &config,
        folder: &folder,
        history: &history,
        names,
        probing,
    };
    let status = standing.gather()?;
    Ok((desk, status))
}

fn print(status: &Status, screen: &Screen) {
    datasets(status, screen);
    places(status, screen);
    agents(status, screen);
    let worries = status.worries();
    if worries.is_empty() {
        screen.line(format_args!("{GOOD}All is well.{GOOD:#}"));
    }
    for worry in &worries {
        print_worry(worry, screen);
    }
}

fn print_worry(worry: &Worry, screen: &Screen) {
    let style = match worry.level {
        Level::Short => BAD,
        Level::Attention => WARNING,
        Level::Well => GOOD,
    };
    let Worry {
        level,
        about,
        what,
        advice,
        ..
    } = worry;
    screen.line(format_args!(
        "{style}{level}:{style:#} {BOLD}{about}{BOLD:#} {what}"
    ));
    screen.line(format_args!("  {advice}"));
}

fn datasets(status: &Status, screen: &Screen) {
    let mut table = Table::new(&[
        ("Dataset", Side::Left),
        ("State", Side::Left),
        ("Age", Side::Right),
        ("Allowed", Side::Right),
        ("Next run", Side::Left),
    ]);
    let worries = status.worries();
    for dataset in &status.datasets {
        let own = worries.iter().filter(|worry| worry.about == dataset.name);
        let level = own.map(|worry| worry.level).max().unwrap_or(Level::Well);
        table.row(vec![
            dataset.name.clone(),
            level.word().to_owned(),
            status
                .age(&dataset.name)
                .map_or_else(|| "never".into(), length),
            dataset.rpo.map_or_else(|| "-".into(), length),
            dataset
                .next
                .map_or_else(|| "-".into(), |next| local(next.at)),
        ]);
    }
    table.print(screen);
}

fn places(status: &Status, screen: &Screen) {
    let mut table = Table::new(&[
        ("Place", Side::Left),
        ("Reached", Side::Left),
        ("Protects", Side::Left),
        ("Snapshots", Side::Right),
        ("Stored", Side::Right),
        ("Last check", Side::Left),
        ("Unread since", Side::Left),
        ("Full in", Side::Left),
    ]);
    for place in &status.places {
        let contents = place.contents.as_ref();
        let count = contents.map(|there| there.accepted.values().sum::<u64>().to_string());
        let oldest = contents.and_then(|there| there.oldest_unverified);
        table.row(vec![
            place.name.clone(),
            reached(place),
            place
                .grade
                .map_or_else(|| "not tried".into(), |(grade, _)| grade.to_string()),
            count.unwrap_or_else(|| "?".into()),
            contents.map_or_else(|| "?".into(), |there| amount::bytes(there.bytes)),
            place
                .checked
                .map_or_else(|| "never".into(), |checked| local(checked.at)),
            oldest.map_or_else(|| "-".into(), local),
            full(place),
        ]);
    }
    table.print(screen);
}

fn agents(status: &Status, screen: &Screen) {
    let mut table = Table::new(&[
        ("Agent", Side::Left),
        ("State", Side::Left),
        ("Silent for", Side::Right),
        ("Allowed", Side::Right),
    ]);
    for agent in &status.agents {
        let state = match agent.is_silent(status.at) {
            true => "silent",
            false => "heard",
        };
        table.row(vec![
            agent.name.clone(),
            state.to_owned(),
            agent
                .silence(status.at)
                .map_or_else(|| "ever".into(), length),
            length(agent.allowed),
        ]);
    }
    table.print(screen);
}

fn reached(place: &Place) -> String {
    match place.reach {
        Reach::Reached => "yes",
        Reach::Unplugged { .. } => "unplugged",
        Reach::Unreached { .. } => "no",
    }
    .to_owned()
}

fn full(place: &Place) -> String {
    let Some(full) = place.full() else {
        return "-".to_owned();
    };
    let days = |days: Option<u32>| days.map_or_else(|| "years".to_owned(), |days| days.to_string());
    let (likely, soonest, latest) = (days(full.likely), days(full.soonest), days(full.latest));
    format!("{likely} days ({soonest} to {latest})")
}

fn length(seconds: u64) -> String {
    match seconds {
        0..172_800 => format!("{} h {:02} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

fn local(at: jiff::Timestamp) -> String {
    let zoned = at.to_zoned(jiff::tz::TimeZone::system());
    zoned.strftime("%F %H:%M").to_string()
}

/// After a run: tells others what is short and what is well again, and writes the metrics' file.
/// Nothing here can make the run fail.
pub fn follow_up(desk: &Desk, config: &Config, names: Option<NamesOf>) {
    if config.notify == Notify::default() {
        return;
    }
    if let Err(failure) = tell(desk, config, names) {
        desk.screen.warn(format_args!(
            "nobody was told how things stand: {}",
            failure.message
        ));
    }
}

fn tell(desk: &Desk, config: &Config, names: Option<NamesOf>) -> Result<(), Failure> {
    let (desk, status) = gather(desk, names, Probing::Remembered)?;
    let folder = desk.member_state(desk.key_file()?.facts())?;
    let notifier = Notifier::new(&config.notify, &folder);
    for message in messages(&status, &notifier) {
        for failed in notifier.tell(&message) {
            desk.screen.warn(&failed);
        }
    }
    if let Some(file) = &config.notify.textfile
        && let Err(error) = file
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| write_textfile(file, &status.metrics()))
    {
        desk.screen
            .warn(format_args!("cannot write {}: {error}", file.display()));
    }
    Ok(())
}

/// What is short of copies or silent, and what is so no more. Late datasets are told by the run.
fn messages(status: &Status, notifier: &Notifier<'_>) -> Vec<Message> {
    let vault = Label::of(&status.vault);
    let message = |subject: Label, event: Event, shortages: u64| Message {
        event,
        vault: vault.clone(),
        subject,
        at: status.at,
        facts: vec![Fact::Shortages(shortages)],
        log: Vec::new(),
    };
    let worries = status.worries();
    let names = status
        .datasets
        .iter()
        .map(|one| (&one.name, Event::Short, Topic::Copies));
    let agents = status
        .agents
        .iter()
        .map(|one| (&one.name, Event::Silent, Topic::Silence));
    let mut messages = Vec::new();
    for (name, event, topic) in names.chain(agents) {
        let short = worries
            .iter()
            .filter(|w| w.about == *name && w.event == Some(event));
        let (subject, count) = (Label::of(name), short.count() as u64);
        if count > 0 {
            messages.push(message(subject, event, count));
        } else if notifier.troubled(&vault, &subject, topic) {
            messages.push(message(subject, Event::Well(topic), 0));
        }
    }
    messages
}
