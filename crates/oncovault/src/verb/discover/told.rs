//! What `discover` says to people: what there is, what was noticed, what to do next.

use ov_clinical::{Category, Grade};
use ov_discover::{CATEGORIES, Incomplete, Keep, Looked, Protection, Survey, Total};
use ov_format::entry::Time;
use ov_terminal::screen::{BAD, BOLD, DIM, GOOD, Screen, WARNING, shown};
use ov_terminal::table::{Side, Table};
use ov_terminal::{Desk, amount, moment};

use super::Outcome;

/// So many of each sort are named; the others are counted.
const NAMED: usize = 8;
/// The day of a local time as it is shown.
const DAY: usize = 10;

/// Shows it.
pub(super) fn tell(outcome: &Outcome<'_>, desk: &Desk) {
    let screen = &desk.screen;
    let survey = outcome.survey;
    kinds(survey, screen);
    people(outcome, screen);
    worth(survey, screen);
    sets(outcome, screen);
    copies(survey, screen);
    flaws(survey, screen);
    unknown(survey, screen);
    unassigned(survey, screen);
    if let Some((config, protection)) = &outcome.protection {
        open(survey, config, protection, screen);
    }
    unread(survey, screen);
    next(outcome, screen);
}

fn heading(screen: &Screen, text: &str) {
    screen.line(format_args!("\n{BOLD}{text}{BOLD:#}"));
}

fn kinds(survey: &Survey, screen: &Screen) {
    let mut table = Table::new(&[
        ("What", Side::Left),
        ("Files", Side::Right),
        ("Size", Side::Right),
        ("Oldest", Side::Left),
        ("Newest", Side::Left),
        ("Growth a month", Side::Right),
    ]);
    for category in CATEGORIES {
        let total = survey.totals.category(category);
        if total.files > 0 {
            table.row(row(category.label(), &total));
            of_category(&mut table, survey, category);
        }
    }
    table.row(row("all", &survey.totals.all));
    table.print(screen);
}

fn of_category(table: &mut Table, survey: &Survey, category: Category) {
    let kinds = survey.totals.kinds.iter();
    for (kind, total) in kinds.filter(|(kind, _)| kind.category() == category) {
        table.row(row(&format!("  {}", kind.title()), total));
    }
}

fn row(name: &str, total: &Total) -> Vec<String> {
    let day = |seconds: Option<i64>| {
        let local = seconds.map(|seconds| moment::local(Time { seconds, nanos: 0 }));
        local.map_or_else(String::new, |local| local.chars().take(DAY).collect())
    };
    let growth = total.growth.monthly();
    vec![
        name.to_owned(),
        total.files.to_string(),
        amount::bytes(total.bytes),
        day(total.oldest),
        day(total.newest),
        growth.map_or_else(|| "–".to_owned(), amount::bytes),
    ]
}

fn people(outcome: &Outcome<'_>, screen: &Screen) {
    let people = &outcome.survey.people;
    screen.line(format_args!(
        "\nThey name {}, {} and {}.",
        counted(people.patients(), "patient", "patients"),
        counted(
            people.subjects(),
            "subject of a trial",
            "subjects of trials"
        ),
        counted(people.samples(), "sample", "samples")
    ));
    for identifier in people.identifiers().into_iter().flatten() {
        screen.line(format_args!("  {}", shown(identifier.as_bytes())));
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    amount::of(u64::try_from(count).unwrap_or(u64::MAX), one, many)
}

fn worth(survey: &Survey, screen: &Screen) {
    heading(screen, "What is missed first, and why");
    let mut table = Table::new(&[
        ("Missed", Side::Right),
        ("Files", Side::Right),
        ("Size", Side::Right),
        ("Again", Side::Left),
        ("Why", Side::Left),
    ]);
    for sum in &survey.worth {
        table.row(vec![
            sum.worth.rank.number().to_string(),
            sum.files.to_string(),
            amount::bytes(sum.bytes),
            sum.worth.again.label().replace('-', " "),
            format!("{}: {}", sum.category.label(), sum.worth.reason.text()),
        ]);
    }
    table.print(screen);
}

fn sets(outcome: &Outcome<'_>, screen: &Screen) {
    let sets = &outcome.survey.sets;
    if sets.looked == Looked::TooMany {
        screen.warn(
            "incomplete sets were not looked for: there are too many files for the memory that is \
             meant for it. Name fewer folders at once",
        );
        return;
    }
    if sets.incomplete.is_empty() {
        screen.line(format_args!(
            "\n{GOOD}No set is incomplete{GOOD:#}, as far as files tell."
        ));
        return;
    }
    heading(screen, "Sets that are incomplete");
    let mut rest = &sets.incomplete[..];
    while let Some(first) = rest.first() {
        let same = rest.iter().take_while(|one| one.gap == first.gap).count();
        let (group, others) = rest.split_at(same);
        one_gap(outcome, group, screen);
        rest = others;
    }
}

fn one_gap(outcome: &Outcome<'_>, group: &[Incomplete], screen: &Screen) {
    let Some(first) = group.first() else {
        return;
    };
    let style = match first.gap.grade() {
        Grade::Strong => BAD,
        Grade::Wanted => WARNING,
        Grade::Note => DIM,
    };
    let title = first.gap.label().replace('-', " ");
    let closed_by = first.gap.closed_by();
    screen.line(format_args!(
        "{style}{title}{style:#}: {}. To close it: {closed_by}",
        group.len()
    ));
    for one in group.iter().take(NAMED) {
        let paths = one
            .files
            .iter()
            .take(NAMED)
            .map(|at| path(outcome.survey, *at));
        let missing = one.missing(outcome.keep).join("; ");
        let missing = match missing.is_empty() {
            true => String::new(),
            false => format!(": missing {}", shown(missing.as_bytes())),
        };
        let paths = paths.collect::<Vec<_>>().join(", ");
        screen.line(format_args!("  {paths}{missing}"));
        if outcome.keep == Keep::Identifiers {
            for patient in one.patient_names() {
                screen.line(format_args!("    {}", shown(patient.as_bytes())));
            }
        }
    }
    more(group.len(), screen);
}

fn more(count: usize, screen: &Screen) {
    if count > NAMED {
        screen.line(format_args!("  and {} more", count - NAMED));
    }
}

fn path(survey: &Survey, at: usize) -> String {
    let file = survey.files.get(at);
    file.map_or_else(String::new, |file| shown(&file.path()))
}

fn copies(survey: &Survey, screen: &Screen) {
    let duplicates = &survey.duplicates;
    if duplicates.is_empty() {
        return;
    }
    let spare = duplicates
        .iter()
        .fold(0_u64, |sum, one| sum.saturating_add(one.spare()));
    let count = counted(duplicates.len(), "file is", "files are");
    heading(screen, "The same bytes more than once");
    screen.line(format_args!(
        "{count} there more than once; the vault stores each once, {} less",
        amount::bytes(spare)
    ));
    for one in duplicates.iter().take(NAMED) {
        let first = one
            .files
            .first()
            .map_or_else(String::new, |at| path(survey, *at));
        let others = counted(one.files.len().saturating_sub(1), "other", "others");
        screen.line(format_args!("  {first} and {others}"));
    }
    more(duplicates.len(), screen);
}

fn flaws(survey: &Survey, screen: &Screen) {
    let flawed: Vec<_> = survey
        .files
        .iter()
        .filter_map(|file| Some((file, file.seen.as_ref()?.flaw.as_ref()?)))
        .collect();
    if flawed.is_empty() {
        return;
    }
    heading(screen, "Not as their format says");
    screen.line("They are backed up like all others; look whether the originals are whole.");
    for (file, flaw) in flawed.iter().take(NAMED) {
        screen.line(format_args!("  {}: {flaw}", shown(&file.path())));
    }
    more(flawed.len(), screen);
}

fn unknown(survey: &Survey, screen: &Screen) {
    if survey.unknown.is_empty() {
        return;
    }
    heading(screen, "Not recognised");
    for one in survey.unknown.iter().take(NAMED) {
        let ending = match &one.ending {
            Some(ending) => format!("ending .{ending}"),
            None => "without ending".to_owned(),
        };
        screen.line(format_args!(
            "  {}: {} {ending}, {}",
            shown(&one.folder),
            amount::of(one.files, "file", "files"),
            amount::bytes(one.bytes)
        ));
    }
    more(survey.unknown.len(), screen);
}

fn unassigned(survey: &Survey, screen: &Screen) {
    if survey.unassigned.is_empty() {
        return;
    }
    heading(screen, "Could name a patient and name none");
    for one in survey.unassigned.iter().take(NAMED) {
        let files = amount::of(one.files, "file", "files");
        screen.line(format_args!("  {}: {files}", shown(&one.folder)));
    }
    more(survey.unassigned.len(), screen);
}

fn open(survey: &Survey, config: &str, protection: &Protection, screen: &Screen) {
    let (files, bytes) = protection.open(survey);
    let config = shown(config.as_bytes());
    if files == 0 {
        screen.line(format_args!(
            "\n{GOOD}Every file is in a dataset{GOOD:#} of {config}."
        ));
        return;
    }
    heading(screen, &format!("In no dataset of {config}"));
    screen.line(format_args!(
        "{BAD}{}{BAD:#} with {}",
        amount::of(files, "file", "files"),
        amount::bytes(bytes)
    ));
    let folders = protection.open_folders(survey);
    for folder in folders.iter().take(NAMED) {
        screen.line(format_args!(
            "  {}: {}, {}",
            shown(&folder.path),
            amount::of(folder.files, "file", "files"),
            amount::bytes(folder.bytes)
        ));
    }
    more(folders.len(), screen);
}

fn unread(survey: &Survey, screen: &Screen) {
    for unread in survey.unread.iter().take(NAMED) {
        screen.warn(format_args!(
            "cannot read {}: {}",
            unread.path, unread.reason
        ));
    }
    if survey.unread_count > 0 {
        screen.warn(format_args!(
            "{} could not be read and may hold anything",
            amount::of(survey.unread_count, "item", "items")
        ));
    }
}

fn next(outcome: &Outcome<'_>, screen: &Screen) {
    heading(screen, "What to do next");
    let survey = outcome.survey;
    let strong = survey.sets.incomplete.iter();
    let strong = strong
        .filter(|one| one.gap.grade() == Grade::Strong)
        .count();
    if strong > 0 {
        let sets = counted(strong, "gap", "gaps");
        screen.line(format_args!(
            "- Close {sets} that make data unusable, while the source still has what is missing."
        ));
    }
    if survey.unread_count > 0 {
        screen.line("- Run it as somebody who may read everything.");
    }
    if !survey.unknown.is_empty() {
        screen.line("- Look at what is not recognised before you decide who may read it.");
    }
    match &outcome.args.propose {
        Some(file) => screen.line(format_args!(
            "- Edit {0}, then `oncovault --config {0} config check`.",
            shown(file.as_os_str().as_encoded_bytes())
        )),
        None => screen.line(format_args!(
            "- Let it propose {}: `--propose oncovault.toml`.",
            counted(outcome.proposal.datasets.len(), "dataset", "datasets")
        )),
    }
    if let Some(file) = &outcome.args.html {
        let file = shown(file.as_os_str().as_encoded_bytes());
        screen.line(format_args!("- Look at the picture in {file}."));
    }
}
