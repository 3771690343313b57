//! The picture of a report: for each measure and corpus, every engine as a dot, left of the line
//! where it beats the best peer. SVG without scripts, fonts or anything from elsewhere.

use super::figure::Figure;
use super::goal::best;
use super::peer::Role;
use super::phase::Phase;
use super::results::Results;
use std::fmt::Write;

const PANEL_WIDTH: f64 = 480.0;
const LABELS: f64 = 90.0;
const MARGIN: f64 = 24.0;
const HEAD: f64 = 70.0;
const PANEL_HEAD: f64 = 34.0;
const ROW: f64 = 20.0;
const PANEL_FOOT: f64 = 34.0;
/// Ratios beyond these stand at the edge.
const LEAST: f64 = 0.04;
const MOST: f64 = 25.0;
const TICKS: [(f64, &str); 6] = [
    (0.05, "0.05"),
    (0.2, "0.2"),
    (0.5, "0.5"),
    (1.0, "1"),
    (4.0, "4"),
    (20.0, "20"),
];
/// Ours first; colours that also those can tell apart who see few.
const OURS: &str = "#b2182b";
const THEIRS: [&str; 7] = [
    "#2166ac", "#e08214", "#1b7837", "#8073ac", "#35978f", "#bf812d", "#555555",
];

const PANELS: [(&str, Figure); 6] = [
    (
        "stored after everything changed",
        Figure::Stored(Phase::Changed),
    ),
    ("CPU, first backup", Figure::Cpu(&[Phase::Full])),
    ("CPU, nothing changed", Figure::Cpu(&[Phase::Unchanged])),
    ("CPU, restore", Figure::Cpu(&[Phase::Restore])),
    ("CPU, full check with keys", Figure::Cpu(&[Phase::Check])),
    ("peak memory", Figure::Memory),
];

/// Draw it.
pub fn svg(results: &Results) -> String {
    let corpora: Vec<&str> = results.corpora.keys().map(String::as_str).collect();
    let engines = colours(results);
    let rows = corpora.len() as f64;
    let panel_height = PANEL_HEAD + rows * ROW + PANEL_FOOT;
    let (width, height) = (
        PANEL_WIDTH * 2.0 + MARGIN * 2.0,
        HEAD + panel_height * 3.0 + MARGIN,
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    write_at(
        &mut svg,
        MARGIN,
        26.0,
        "Each engine against the best peer (the line at 1). Left is better.",
    );
    legend(&mut svg, &engines);
    for (index, (title, figure)) in PANELS.iter().enumerate() {
        let (column, row) = ((index % 2) as f64, (index / 2) as f64);
        let (x, y) = (MARGIN + column * PANEL_WIDTH, HEAD + row * panel_height);
        panel(&mut svg, (x, y), title, &corpora);
        for (line, corpus) in corpora.iter().enumerate() {
            let at = y + PANEL_HEAD + (line as f64 + 0.5) * ROW;
            dots(&mut svg, (x, at), results, *figure, corpus, &engines);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// Engines with their colours, ours last so that it is drawn on top.
fn colours(results: &Results) -> Vec<(&str, &'static str)> {
    let peers = results
        .with_role(Role::Peer)
        .zip(THEIRS.iter().copied().cycle());
    peers
        .chain(results.with_role(Role::Ours).map(|name| (name, OURS)))
        .collect()
}

fn legend(svg: &mut String, engines: &[(&str, &str)]) {
    let mut x = MARGIN + 6.0;
    for (name, colour) in engines.iter().rev() {
        let _ = writeln!(
            svg,
            "<circle cx=\"{x}\" cy=\"46\" r=\"5\" fill=\"{colour}\"/>"
        );
        write_at(svg, x + 10.0, 50.0, name);
        x += 34.0 + name.len() as f64 * 7.0;
    }
}

fn panel(svg: &mut String, (x, y): (f64, f64), title: &str, corpora: &[&str]) {
    let top = y + PANEL_HEAD;
    let bottom = top + corpora.len() as f64 * ROW;
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" font-weight=\"bold\">{title}</text>",
        x + LABELS,
        y + 24.0
    );
    for (line, corpus) in corpora.iter().enumerate() {
        let at = top + (line as f64 + 0.5) * ROW;
        let (from, to) = (x + LABELS, x + PANEL_WIDTH - MARGIN);
        let _ = writeln!(
            svg,
            "<line x1=\"{from}\" x2=\"{to}\" y1=\"{at}\" y2=\"{at}\" stroke=\"#eeeeee\"/>"
        );
        write_at(svg, x, at + 4.0, corpus);
    }
    for (ratio, label) in TICKS {
        let (at, colour) = (
            place(x, ratio),
            if ratio == 1.0 { "#000000" } else { "#dddddd" },
        );
        let _ = writeln!(
            svg,
            "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{top}\" y2=\"{bottom}\" stroke=\"{colour}\"/>\n\
             <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#555555\">{label}</text>",
            bottom + 16.0
        );
    }
}

fn dots(
    svg: &mut String,
    (x, y): (f64, f64),
    results: &Results,
    figure: Figure,
    corpus: &str,
    engines: &[(&str, &str)],
) {
    let peers: Vec<&str> = results.with_role(Role::Peer).collect();
    let Some((_, line)) = best(figure, results, corpus, &peers) else {
        return;
    };
    for (name, colour) in engines {
        let Some(spread) = figure.of(results, corpus, name) else {
            continue;
        };
        let ratio = spread.median / line.median;
        let radius = if *colour == OURS { 6 } else { 4 };
        let _ = writeln!(
            svg,
            "<circle cx=\"{:.1}\" cy=\"{y}\" r=\"{radius}\" fill=\"{colour}\" fill-opacity=\"0.85\"><title>{name}, {corpus}: {ratio:.2} ({})</title></circle>",
            place(x, ratio),
            figure.show(spread.median)
        );
    }
}

/// Where a ratio stands, on a scale of equal factors.
fn place(x: f64, ratio: f64) -> f64 {
    let share = (ratio.clamp(LEAST, MOST) / LEAST).ln() / (MOST / LEAST).ln();
    x + LABELS + share * (PANEL_WIDTH - LABELS - MARGIN)
}

fn write_at(svg: &mut String, x: f64, y: f64, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\">{text}</text>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_factors_are_equally_far_apart_and_nothing_leaves_the_panel() {
        let step = |a, b| place(0.0, b) - place(0.0, a);
        assert!((step(0.1, 0.2) - step(2.0, 4.0)).abs() < 1e-9);
        assert_eq!(place(0.0, 0.0), LABELS);
        assert_eq!(place(0.0, f64::INFINITY), PANEL_WIDTH - MARGIN);
    }

    #[test]
    fn a_picture_of_nothing_is_still_a_picture() {
        let svg = svg(&Results::default());
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    }
}
