//! A survey as a picture: an SVG in which every area is a folder, as large as its bytes.

use std::collections::BTreeMap;
use std::fmt::Write;

use ov_clinical::Category;

use crate::category::{CATEGORIES, colour};
use crate::folder::{Folders, Sum, absolute};
use crate::page::{amount, escaped};
use crate::protection::Protection;
use crate::survey::{Survey, is_at_or_below};
use crate::treemap::{Rect, squarified};

/// So many folders of one category are drawn by themselves.
const CELLS_MAX: usize = 40;
/// Folders are told apart at most so deep below a root.
const DEPTH_MAX: usize = 4;
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 560.0;
/// The strip for a category's name.
const STRIP: f64 = 16.0;
/// About how wide a letter is.
const LETTER: f64 = 6.2;

/// A folder with its files of one category.
struct Cell {
    category: Category,
    folder: Vec<u8>,
    sum: Sum,
    open: Sum,
}

/// The picture, and the pattern that marks what no dataset protects.
pub(crate) fn picture(survey: &Survey, protection: Option<&Protection>) -> String {
    let mut cells = cells(survey, protection);
    cells.sort_by_key(|cell| std::cmp::Reverse(cell.sum.bytes));
    let mut groups: Vec<(Category, Vec<&Cell>)> = CATEGORIES
        .iter()
        .map(|category| (*category, of(&cells, *category)))
        .filter(|(_, cells)| !cells.is_empty())
        .collect();
    groups.sort_by(|a, b| bytes(&b.1).total_cmp(&bytes(&a.1)));
    let sizes: Vec<f64> = groups.iter().map(|(_, cells)| bytes(cells)).collect();
    let whole = Rect {
        x: 0.0,
        y: 0.0,
        width: WIDTH,
        height: HEIGHT,
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-labelledby=\"map-title map-text\">\n<title id=\"map-title\">Folders by category, as \
         large as their bytes</title>\n<desc id=\"map-text\">The tables below say the same in \
         words.</desc>\n<defs><pattern id=\"open\" width=\"6\" height=\"6\" \
         patternUnits=\"userSpaceOnUse\"><path d=\"M0 6L6 0\" stroke=\"#000\" \
         stroke-opacity=\"0.45\"/></pattern></defs>\n"
    );
    for ((category, cells), rect) in groups.iter().zip(squarified(&sizes, whole)) {
        group(&mut svg, *category, cells, rect);
    }
    svg.push_str("</svg>\n");
    svg
}

/// A legend for the categories that are there.
pub(crate) fn legend(survey: &Survey, protection: Option<&Protection>) -> String {
    let mut legend = String::from("<ul class=\"legend\">");
    for category in CATEGORIES {
        let total = survey.totals.category(category);
        if total.files > 0 {
            let _ = write!(
                legend,
                "<li><svg width=\"14\" height=\"14\" aria-hidden=\"true\"><rect width=\"14\" \
                 height=\"14\" fill=\"{}\"/></svg> {}</li>",
                colour(category),
                category.label()
            );
        }
    }
    if protection.is_some() {
        legend.push_str(
            "<li><svg width=\"14\" height=\"14\" aria-hidden=\"true\"><rect width=\"14\" \
             height=\"14\" fill=\"#fff\"/><rect width=\"14\" height=\"14\" \
             fill=\"url(#open)\"/></svg> not protected, at least in part</li>",
        );
    }
    legend.push_str("</ul>\n");
    legend
}

fn of(cells: &[Cell], category: Category) -> Vec<&Cell> {
    let fits = |cell: &&Cell| cell.category == category && cell.sum.bytes > 0;
    cells.iter().filter(fits).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a picture needs no more digits")]
fn length(bytes: u64) -> f64 {
    bytes as f64
}

fn bytes(cells: &[&Cell]) -> f64 {
    cells.iter().map(|cell| length(cell.sum.bytes)).sum()
}

fn group(svg: &mut String, category: Category, cells: &[&Cell], rect: Rect) {
    let title = category.label();
    let _ = writeln!(svg, "<g><title>{title}</title>");
    drawn(svg, rect, "#ffffff");
    label(svg, title, rect, STRIP - 4.0, "name");
    let inner = rect.inset(1.5, STRIP);
    let sizes: Vec<f64> = cells.iter().map(|cell| length(cell.sum.bytes)).collect();
    for (cell, place) in cells.iter().zip(squarified(&sizes, inner)) {
        one(svg, cell, place);
    }
    svg.push_str("</g>\n");
}

fn one(svg: &mut String, cell: &Cell, rect: Rect) {
    let folder = escaped(&String::from_utf8_lossy(&cell.folder));
    let files = cell.sum.files;
    let size = amount(cell.sum.bytes);
    let open = match cell.open.files {
        0 => String::new(),
        open => format!(", {open} of them not protected"),
    };
    let what = cell.category.label();
    let _ = write!(
        svg,
        "<g><title>{folder}: {what}, {files} files, {size}{open}</title>"
    );
    drawn(svg, rect, colour(cell.category));
    if cell.open.files > 0 {
        drawn(svg, rect, "url(#open)");
    }
    let name = cell.folder.rsplit(|byte| *byte == b'/').next();
    let name = String::from_utf8_lossy(name.unwrap_or_default()).into_owned();
    label(svg, &name, rect, 13.0, "cell");
    svg.push_str("</g>\n");
}

fn drawn(svg: &mut String, rect: Rect, fill: &str) {
    let Rect {
        x,
        y,
        width,
        height,
    } = rect;
    let _ = write!(
        svg,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
         fill=\"{fill}\" stroke=\"#444\" stroke-width=\"0.5\"/>"
    );
}

/// As much of a text as fits; nothing where a few letters would not.
fn label(svg: &mut String, text: &str, rect: Rect, down: f64, class: &str) {
    let mut fits = 0;
    let mut width = 2.0 * LETTER;
    while width < rect.width - 4.0 && fits < 200 {
        fits += 1;
        width += LETTER;
    }
    if rect.height < down + 3.0 || fits < 3 {
        return;
    }
    let shown: String = match text.chars().count() > fits {
        true => text.chars().take(fits - 1).chain(['…']).collect(),
        false => text.to_owned(),
    };
    let _ = write!(
        svg,
        "<text class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
        rect.x + 4.0,
        rect.y + down,
        escaped(&shown)
    );
}

/// For each category the folders at the greatest depth at which there are few enough of them.
fn cells(survey: &Survey, protection: Option<&Protection>) -> Vec<Cell> {
    let folders = Folders::of(survey.files.iter());
    let open = protection.map(|protection| protection.open_sums(survey));
    let mut cells = Vec::new();
    for (at, category) in CATEGORIES.into_iter().enumerate() {
        let few = |depth: &usize| level(survey, &folders, at, *depth).len() <= CELLS_MAX;
        let depth = (0..=DEPTH_MAX).rev().find(few).unwrap_or_default();
        let open = open.as_ref().map(|open| level(survey, open, at, depth));
        let open = open.unwrap_or_default();
        let level = level(survey, &folders, at, depth).into_iter();
        cells.extend(level.map(|(folder, sum)| Cell {
            category,
            open: open.get(&folder).copied().unwrap_or_default(),
            folder,
            sum,
        }));
    }
    cells
}

/// The places of the slashes of a path below its root: its components there.
fn below(survey: &Survey, path: &[u8]) -> Vec<usize> {
    let root = survey.roots.iter().find(|root| is_at_or_below(path, root));
    let from = root.map_or(0, |root| root.len());
    let cuts = path.iter().enumerate().skip(from);
    cuts.filter(|(at, byte)| **byte == b'/' || (*at == 0 && from == 0))
        .map(|(at, _)| at)
        .collect()
}

/// Files of a category by the folder that stands so deep below its root, or above where there is
/// none.
fn level(survey: &Survey, folders: &Folders, at: usize, depth: usize) -> BTreeMap<Vec<u8>, Sum> {
    let mut level: BTreeMap<Vec<u8>, Sum> = BTreeMap::new();
    for node in &folders.nodes {
        let Some(own) = node.own.0.get(at).filter(|own| own.files > 0) else {
            continue;
        };
        let cut = below(survey, &node.path).get(depth).copied();
        let folder = cut
            .and_then(|cut| node.path.get(..cut))
            .unwrap_or(&node.path);
        level.entry(absolute(folder)).or_default().add(*own);
    }
    level
}
