//! `status`: how things stand, and what to do.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use ov_format::statement::Role;
use ov_program::notify::{Event, Fact, Label, Message, Notifier, Topic};
use ov_program::status::{ALL, Checks, Level, Place, Reach, Status, Worry, answer, write_textfile};
use ov_program::{Config, History};

use crate::amount;
use crate::configuration;
use crate::desk::Desk;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::{BAD, BOLD, GOOD, Screen, WARNING};
use crate::standing::{NamesOf, Probing, Standing};
use crate::table::{Side, Table};

/// Metrics are gathered anew when they are older.
const FRESH: Duration = Duration::from_secs(60);

/// What `status` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Try what each target really keeps, with small objects that are removed again
    #[arg(long)]
    probe: bool,

    /// Print metrics for Prometheus instead
    #[arg(long, conflicts_with = "probe")]
    metrics: bool,

    /// Answer Prometheus at http://ADDR/metrics until somebody ends it, like 127.0.0.1:9187
    #[arg(long, value_name = "ADDR", conflicts_with_all = ["probe", "metrics"])]
    listen: Option<SocketAddr>,
}

/// Shows how things stand.
pub fn run(args: &Args, desk: &Desk, names: Option<NamesOf>) -> Result<Exit, Failure> {
    if let Some(address) = args.listen {
        return listen(address, desk, names);
    }
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

/// Answers until it is ended by a signal. What it answers is at most a minute old, so that whoever
/// asks often does not keep the vault busy.
fn listen(address: SocketAddr, desk: &Desk, names: Option<NamesOf>) -> Result<Exit, Failure> {
    let broken = |error| Failure::failed(format!("cannot listen at {address}: {error}"));
    // What cannot be gathered now is said now, not to a program that asks later.
    let mut known = (Instant::now(), gathered(desk, names)?);
    let listener = TcpListener::bind(address).map_err(broken)?;
    let bound = listener.local_addr().map_err(broken)?;
    desk.screen
        .line(format_args!("Metrics are at http://{bound}/metrics."));
    loop {
        let metrics = || {
            if known.0.elapsed() >= FRESH {
                match gathered(desk, names) {
                    Ok(text) => known = (Instant::now(), text),
                    Err(failure) => {
                        desk.screen.failure(&failure);
                        return None;
                    }
                }
            }
            Some(known.1.clone())
        };
        answer(&listener, metrics).map_err(broken)?;
    }
}

fn gathered(desk: &Desk, names: Option<NamesOf>) -> Result<String, Failure> {
    let (_, status) = gather(desk, names, Probing::Remembered)?;
    Ok(status.metrics())
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
    let facts = desk.key_file()?.facts().clone();
    let folder = desk.member_state(&facts)?;
    let history = History::open(&folder)?;
    let standing = Standing {
        roles: &facts.roles,
        desk: &desk,
        config: &config,
        folder: &folder,
        history: &history,
        names: names.filter(|_| facts.roles.contains(&Role::Reader)),
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
            checked(place, status.checks),
            oldest.map_or_else(|| "-".into(), local),
            full(place),
        ]);
    }
    table.print(screen);
}

fn checked(place: &Place, checks: Checks) -> String {
    match (place.checked, checks) {
        (Some(checked), _) => local(checked.at),
        (None, Checks::Here) => "never".to_owned(),
        (None, Checks::Elsewhere) => "elsewhere".to_owned(),
    }
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
        .map(|one| (one.name.as_str(), Event::Short, Topic::Copies));
    let agents = status
        .agents
        .iter()
        .map(|one| (one.name.as_str(), Event::Silent, Topic::Silence));
    // Of a machine that backs nothing up.
    let all = [(ALL, Event::Short, Topic::Copies)];
    let mut messages = Vec::new();
    for (name, event, topic) in names.chain(agents).chain(all) {
        let short = worries
            .iter()
            .filter(|w| w.about == name && w.event == Some(event));
        let (subject, count) = (Label::of(name), short.count() as u64);
        if count > 0 {
            messages.push(message(subject, event, count));
        } else if notifier.troubled(&vault, &subject, topic) {
            messages.push(message(subject, Event::Well(topic), 0));
        }
    }
    messages
}
