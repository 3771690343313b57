//! A survey as a page: one file, without scripts, that needs nothing from outside. Everything that
//! comes from files is escaped; identifiers are not on it.

use std::fmt::Write;

use jiff::Timestamp;
use ov_clinical::Grade;

use crate::category::CATEGORIES;
use crate::people::Keep;
use crate::picture::{legend, picture};
use crate::protection::Protection;
use crate::survey::Survey;
use crate::totals::Total;

const CSS: &str = include_str!("page.css");
/// Longer lists are cut, and say so.
const ROWS_MAX: usize = 300;

/// What the page says of itself.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The program's version.
    pub version: &'a str,
    /// The configuration that was compared with, if there was one.
    pub compared: Option<&'a str>,
}

/// The page.
#[must_use]
pub fn page(survey: &Survey, protection: Option<&Protection>, about: &About<'_>) -> String {
    let mut body = String::new();
    summary(&mut body, survey);
    body.push_str("<h2>Where the bytes are</h2>\n");
    body.push_str(&picture(survey, protection));
    body.push_str(&legend(survey, protection));
    categories(&mut body, survey);
    kinds(&mut body, survey);
    worth(&mut body, survey);
    sets(&mut body, survey);
    open(&mut body, survey, protection, about);
    blanks(&mut body, survey);
    unread(&mut body, survey);
    let date = date(survey.now);
    let version = escaped(about.version);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src \
         'unsafe-inline'\"/>\n<title>OncoVault: what was found, {date}</title>\n<style>\n{CSS}\
         </style>\n</head>\n<body>\n{body}<footer>Made on {date} by OncoVault {version}. It names \
         folders and files: keep it where the data may be seen.</footer>\n</body>\n</html>\n"
    )
}

fn summary(body: &mut String, survey: &Survey) {
    let all = survey.totals.all;
    let roots = survey.roots.iter().map(|root| {
        let path = [b"/", &root[..]].concat();
        format!("<code>{}</code>", escaped(&String::from_utf8_lossy(&path)))
    });
    let _ = write!(
        body,
        "<h1>What was found</h1>\n<p>{} files with {} in {}. They name {} patients, {} subjects of \
         trials and {} samples. {} could not be read.</p>\n",
        all.files,
        amount(all.bytes),
        roots.collect::<Vec<_>>().join(", "),
        survey.people.patients(),
        survey.people.subjects(),
        survey.people.samples(),
        survey.unread_count
    );
}

fn categories(body: &mut String, survey: &Survey) {
    let heads = [
        "Category",
        "Files",
        "Size",
        "Oldest",
        "Newest",
        "Growth a month",
    ];
    let rows = CATEGORIES.iter().filter_map(|category| {
        let total = survey.totals.category(*category);
        (total.files > 0).then(|| sums(category.label(), &total))
    });
    table(body, "By category", &heads, rows);
}

fn kinds(body: &mut String, survey: &Survey) {
    let heads = [
        "Kind",
        "Files",
        "Size",
        "Oldest",
        "Newest",
        "Growth a month",
    ];
    let kinds = survey.totals.kinds.iter();
    table(
        body,
        "By kind",
        &heads,
        kinds.map(|(kind, total)| sums(kind.title(), total)),
    );
}

fn sums(name: &str, total: &Total) -> Vec<String> {
    let day = |time: Option<i64>| time.map_or(String::new(), date);
    vec![
        name.to_owned(),
        total.files.to_string(),
        amount(total.bytes),
        day(total.oldest),
        day(total.newest),
        total
            .growth
            .monthly()
            .map_or("not known".to_owned(), amount),
    ]
}

fn worth(body: &mut String, survey: &Survey) {
    let heads = ["Missed", "Files", "Size", "Category", "Had again", "Why"];
    let rows = survey.worth.iter().map(|sum| {
        vec![
            sum.worth.rank.number().to_string(),
            sum.files.to_string(),
            amount(sum.bytes),
            sum.category.label().to_owned(),
            sum.worth.again.label().to_owned(),
            sum.worth.reason.text().to_owned(),
        ]
    });
    table(body, "What is missed first, and why", &heads, rows);
}

fn sets(body: &mut String, survey: &Survey) {
    let heads = ["What", "Where", "Missing", "What would close it"];
    let told = survey.sets.incomplete.iter();
    let rows = told
        .filter(|one| one.gap.grade() != Grade::Note)
        .map(|one| {
            let path = one.files.first().and_then(|at| survey.files.get(*at));
            let path = path.map(|file| file.path()).unwrap_or_default();
            vec![
                one.gap.label().replace('-', " "),
                String::from_utf8_lossy(&path).into_owned(),
                one.missing(Keep::Counts).join("; "),
                one.gap.closed_by().to_owned(),
            ]
        });
    table(body, "Sets that are incomplete", &heads, rows);
}

fn open(body: &mut String, survey: &Survey, protection: Option<&Protection>, about: &About<'_>) {
    let (Some(protection), Some(compared)) = (protection, about.compared) else {
        return;
    };
    let (files, bytes) = protection.open(survey);
    let title = format!(
        "Not protected by any dataset of {compared}: {files} files, {}",
        amount(bytes)
    );
    let folders = protection.open_folders(survey);
    let rows = folders.iter().map(|folder| {
        vec![
            String::from_utf8_lossy(&folder.path).into_owned(),
            folder.files.to_string(),
            amount(folder.bytes),
        ]
    });
    table(body, &title, &["Folder", "Files", "Size"], rows);
}

fn blanks(body: &mut String, survey: &Survey) {
    let unknown = survey.unknown.iter().map(|unknown| {
        vec![
            unknown.ending.clone().unwrap_or_else(|| "none".to_owned()),
            unknown.files.to_string(),
            amount(unknown.bytes),
            String::from_utf8_lossy(&unknown.folder).into_owned(),
        ]
    });
    let heads = ["Ending", "Files", "Size", "Folder"];
    table(body, "Not recognised", &heads, unknown);
    let unassigned = survey.unassigned.iter().map(|unassigned| {
        vec![
            String::from_utf8_lossy(&unassigned.folder).into_owned(),
            unassigned.files.to_string(),
        ]
    });
    let title = "Could name a patient and name none";
    table(body, title, &["Folder", "Files"], unassigned);
}

fn unread(body: &mut String, survey: &Survey) {
    let rows = survey.unread.iter();
    let rows = rows.map(|unread| vec![unread.path.to_string(), unread.reason.clone()]);
    table(body, "Could not be read", &["Path", "Why"], rows);
}

/// A table with a heading; nothing where there are no rows.
fn table(body: &mut String, title: &str, heads: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    let _ = write!(body, "<h2>{}</h2>\n<table>\n<tr>", escaped(title));
    for head in heads {
        let _ = write!(body, "<th scope=\"col\"{}>{head}</th>", side(head));
    }
    body.push_str("</tr>\n");
    for row in rows.by_ref().take(ROWS_MAX) {
        body.push_str("<tr>");
        for (cell, head) in row.iter().zip(heads) {
            let _ = write!(body, "<td{}>{}</td>", side(head), escaped(cell));
        }
        body.push_str("</tr>\n");
    }
    body.push_str("</table>\n");
    let more = rows.count();
    if more > 0 {
        let _ = writeln!(body, "<p>And {more} more; --json has all.</p>");
    }
}

/// Numbers stand right.
fn side(head: &str) -> &'static str {
    let numbers = [
        "Files",
        "Size",
        "Growth a month",
        "Oldest",
        "Newest",
        "Missed",
    ];
    match numbers.contains(&head) {
        true => " class=\"n\"",
        false => "",
    }
}

/// As text of a page, whatever is in it. Control characters, which a page must not have, are
/// written out.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // What turns the direction of writing can make a name look like another one.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => safe.extend(c.escape_unicode()),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                safe.extend(c.escape_default());
            }
            c => safe.push(c),
        }
    }
    safe
}

/// A day in UTC.
fn date(seconds: i64) -> String {
    match Timestamp::from_second(seconds) {
        Ok(moment) => moment.strftime("%Y-%m-%d").to_string(),
        Err(_) => format!("@{seconds}"),
    }
}

/// Bytes in units of 1024.
pub(crate) fn amount(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let (mut whole, mut rest, mut unit) = (bytes, 0, 0);
    while whole >= 1024 && unit + 1 < UNITS.len() {
        rest = whole % 1024;
        whole /= 1024;
        unit += 1;
    }
    let name = UNITS.get(unit).unwrap_or(&"EiB");
    match unit {
        0 => format!("{whole} {name}"),
        _ => format!("{whole}.{} {name}", rest * 10 / 1024),
    }
}
