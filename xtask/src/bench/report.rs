//! The tables of a report, in Markdown, from results alone.

use super::figure::{Figure, derivation};
use super::goal::{Against, Bound, Goal, Judgement, Verdict};
use super::goals::GOALS;
use super::peer::Role;
use super::phase::Phase;
use super::results::{Results, Step};
use super::statistics::Spread;
use std::fmt::Write;

/// The whole report. Writing into a string does not fail, so what `write!` says is dropped.
pub fn markdown(results: &Results) -> String {
    let mut text = String::from(
        "# Results\n\nWritten by `cargo xtask bench`. [README.md](README.md) says how to read it.\n",
    );
    machine(&mut text, results);
    goals(&mut text, results);
    losses(&mut text, results);
    engines(&mut text, results);
    for corpus in results.corpora.keys() {
        about(&mut text, results, corpus);
    }
    text
}

fn machine(text: &mut String, results: &Results) {
    let machine = &results.machine;
    let memory = machine.memory as f64 / f64::from(1 << 30);
    let lives = results.runs.len();
    let failed = results
        .runs
        .iter()
        .filter(|run| run.failure.is_some())
        .count();
    let _ = write!(
        text,
        "\n{} processors ({}), {memory:.0} GiB, {}. {lives} lives, {failed} of them ended by a failure.\n",
        machine.cores, machine.processor, machine.kernel
    );
    if !results.rates.is_empty() {
        text.push_str("\nOne processor alone, on noise:");
        for (name, rate) in &results.rates {
            let _ = write!(text, " {name} {:.2} GB/s,", rate / 1e9);
        }
        text.pop();
        text.push_str(".\n");
    }
}

fn goals(text: &mut String, results: &Results) {
    text.push_str(
        "\n## Goals\n\nRatio of ours to theirs; smaller is better, but for rates.\n\n\
         | work | goal | measured | verdict |\n|---|---|---|---|\n",
    );
    for goal in GOALS {
        let judged = goal.judge(results);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            goal.work,
            wanted(goal),
            measured(goal, &judged),
            verdict(&judged)
        );
    }
}

fn wanted(goal: &Goal) -> String {
    let figure = name(goal.ours);
    let whose = match goal.against {
        Against::Any => "the best peer".to_owned(),
        Against::Compact => "the best compact peer".to_owned(),
        Against::Floor(name) => format!("`{name}`"),
        Against::Machine => "what the primitives allow".to_owned(),
        Against::Bytes(bytes) => return format!("{figure} ≤ {}", goal.ours.show(bytes)),
    };
    match goal.bound {
        Bound::AtMost(bound) => format!("{figure} ≤ {bound} × {whose}"),
        Bound::AtLeast(bound) => format!("{figure} ≥ {bound} × {whose}"),
    }
}

fn name(figure: Figure) -> &'static str {
    match figure {
        Figure::Stored(_) => "stored",
        Figure::Added => "newly stored",
        Figure::Cpu(_) => "CPU",
        Figure::Wall(_) => "wall",
        Figure::Memory => "memory",
        Figure::Rate => "rate",
    }
}

fn measured(goal: &Goal, judged: &[Judgement]) -> String {
    let cells = judged.iter().map(|one| {
        let corpus = match goal.corpora.len() {
            1 => String::new(),
            _ => format!("{} ", one.corpus),
        };
        let (ours, theirs) = (goal.ours.show(one.ours), goal.theirs.show(one.theirs));
        let mark = match one.verdict {
            Verdict::Reached => "",
            Verdict::Missed(_) => " ✗",
            Verdict::Disturbed => " ~",
        };
        format!(
            "{corpus}**{:.2}**{mark} ({ours} : {theirs} {})",
            one.ratio, one.whose
        )
    });
    cells.collect::<Vec<_>>().join("<br>")
}

fn verdict(judged: &[Judgement]) -> String {
    let worst = judged.iter().filter_map(|one| match one.verdict {
        Verdict::Missed(factor) => Some((factor, one.corpus)),
        _ => None,
    });
    let worst = worst.max_by(|(a, _), (b, _)| a.total_cmp(b));
    let missed = judged
        .iter()
        .filter(|one| matches!(one.verdict, Verdict::Missed(_)))
        .count();
    let disturbed = judged
        .iter()
        .filter(|one| matches!(one.verdict, Verdict::Disturbed))
        .count();
    match (judged.len(), worst, disturbed) {
        (0, ..) => "not measured".to_owned(),
        (1, Some((factor, _)), _) => format!("missed by {}", times_over(factor)),
        (all, Some((factor, corpus)), _) => {
            let factor = times_over(factor);
            format!("missed on {missed} of {all}, most by {factor} ({corpus})")
        }
        (all, None, disturbed) if disturbed == all => "disturbed, not judged".to_owned(),
        (_, None, 0) => "reached".to_owned(),
        (_, None, disturbed) => format!("reached; {disturbed} disturbed, not judged"),
    }
}

fn times_over(factor: f64) -> String {
    match factor < 1.01 {
        true => format!("{factor:.3}×"),
        false => format!("{factor:.2}×"),
    }
}

/// Whatever a peer does better, goal or not, the worst first.
fn losses(text: &mut String, results: &Results) {
    let mut lost: Vec<(f64, String)> = GOALS
        .iter()
        .filter(|goal| matches!(goal.against, Against::Any | Against::Compact))
        .flat_map(|goal| goal.judge(results).into_iter().map(move |one| (goal, one)))
        .filter(|(_, one)| one.ratio > 1.0 && one.verdict != Verdict::Disturbed)
        .map(|(goal, one)| {
            let (ours, theirs) = (goal.ours.show(one.ours), goal.theirs.show(one.theirs));
            let (work, figure) = (goal.work, name(goal.ours));
            let who = format!("{ours}, and {} {theirs}", one.whose);
            (
                one.ratio,
                format!("{work}, {figure}, {}: {who}", one.corpus),
            )
        })
        .collect();
    lost.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    text.push_str("\n## Where we lose\n\n");
    if lost.is_empty() {
        text.push_str("Nowhere among what was measured and judged.\n");
    }
    for (ratio, line) in lost {
        let _ = writeln!(text, "- {line} ({})", times_over(ratio));
    }
}

fn engines(text: &mut String, results: &Results) {
    text.push_str(
        "\n## Engines\n\n| engine | version | settings | starting it, CPU | deriving its key, CPU |\n|---|---|---|---|---|\n",
    );
    for (name, engine) in &results.peers {
        let version = match &engine.build {
            Some(build) => format!("{}, build {build}", engine.version),
            None => engine.version.clone(),
        };
        let start = over_all(results, |corpus| {
            let steps = results.steps(corpus, name, Phase::Start);
            steps.iter().map(|step| step.cost.cpu).collect()
        });
        let derivation = over_all(results, |corpus| {
            let cost = derivation(results, corpus, name);
            cost.map(|cost| cost.cpu).into_iter().collect()
        });
        let settings = engine.settings.replace('|', "\\|");
        let _ = writeln!(
            text,
            "| {name} | {version} | {settings} | {start} | {derivation} |"
        );
    }
    text.push_str(
        "\nWhat deriving a key costs is taken off CPU and wall times in the table of goals and in the plot, once for each \
         command; the tables below show times as they were. Ours is measured with a key file that has no passphrase, and \
         once more with one, to say what that costs.\n",
    );
}

fn over_all(results: &Results, figures: impl Fn(&str) -> Vec<f64>) -> String {
    let all: Vec<f64> = results
        .corpora
        .keys()
        .flat_map(|corpus| figures(corpus))
        .collect();
    Spread::of(&all).map_or_else(|| "–".to_owned(), |spread| seconds(&spread))
}

fn about(text: &mut String, results: &Results, corpus: &str) {
    let Some(about) = results.corpora.get(corpus) else {
        return;
    };
    let _ = write!(
        text,
        "\n## {corpus}\n\n{} files, {:.1} MB, scale {}, digest `{}`.\n",
        about.files,
        about.bytes as f64 / 1e6,
        about.scale as f64 / 1000.0,
        about.digest.get(..16).unwrap_or(&about.digest)
    );
    let peers: Vec<&str> = [Role::Ours, Role::Variant, Role::Peer, Role::Floor]
        .into_iter()
        .flat_map(|role| results.with_role(role))
        .filter(|peer| {
            results
                .runs
                .iter()
                .any(|run| run.corpus == corpus && run.peer == *peer)
        })
        .collect();
    space(text, results, corpus, &peers);
    times(text, "CPU seconds", results, corpus, &peers, |step| {
        step.cost.cpu
    });
    times(text, "Wall seconds", results, corpus, &peers, |step| {
        step.cost.wall
    });
}

/// What is stored, what it took of memory, and how calm it was.
fn space(text: &mut String, results: &Results, corpus: &str, peers: &[&str]) {
    text.push_str(
        "\n| engine | MB after full | added by changes | after prune | peak memory, MiB | others' share | restored |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for peer in peers {
        let megabytes = |figure: Figure| {
            let spread = figure.of(results, corpus, peer);
            spread.map_or_else(
                || "–".to_owned(),
                |spread| format!("{:.2}", spread.median / 1e6),
            )
        };
        let memory = Figure::Memory.of(results, corpus, peer);
        let memory = memory.map_or_else(
            || "–".to_owned(),
            |spread| format!("{:.0}", spread.median / f64::from(1 << 20)),
        );
        let _ = writeln!(
            text,
            "| {peer} | {} | {} | {} | {memory} | {} | {} |",
            megabytes(Figure::Stored(Phase::Full)),
            megabytes(Figure::Added),
            megabytes(Figure::Stored(Phase::Prune)),
            disturbance(results, corpus, peer),
            restored(results, corpus, peer)
        );
    }
}

/// The median over all steps of what others took, and the most.
fn disturbance(results: &Results, corpus: &str, peer: &str) -> String {
    let lives = results.lives(corpus, peer);
    // Shorter steps are over within a few ticks of the clock that counts others.
    let steps = lives
        .flat_map(|run| run.steps.values())
        .filter(|step| step.cost.wall > 0.2);
    let shares: Vec<f64> = steps.map(|step| step.cost.others * 100.0).collect();
    Spread::of(&shares).map_or_else(
        || "–".to_owned(),
        |spread| format!("{:.0} % (at most {:.0})", spread.median, spread.most),
    )
}

fn restored(results: &Results, corpus: &str, peer: &str) -> &'static str {
    let runs = results
        .runs
        .iter()
        .filter(|run| run.corpus == corpus && run.peer == peer);
    let (mut equal, mut failed) = (None, false);
    for run in runs {
        failed |= run.failure.is_some();
        equal = equal
            .or(run.equal)
            .map(|before| before && run.equal.unwrap_or(true));
    }
    match (failed, equal) {
        (true, _) => "a life failed",
        (false, Some(true)) => "equal",
        (false, Some(false)) => "**different**",
        (false, None) => "–",
    }
}

fn times(
    text: &mut String,
    title: &str,
    results: &Results,
    corpus: &str,
    peers: &[&str],
    of: fn(&Step) -> f64,
) {
    let phases: Vec<Phase> = Phase::ALL
        .into_iter()
        .filter(|phase| {
            peers
                .iter()
                .any(|peer| !results.steps(corpus, peer, *phase).is_empty())
        })
        .collect();
    let headings: Vec<&str> = phases.iter().map(|phase| phase.heading()).collect();
    let _ = write!(
        text,
        "\n{title}, median (least–most):\n\n| engine | {} |\n|---|{}\n",
        headings.join(" | "),
        "---|".repeat(phases.len())
    );
    for peer in peers {
        let cells: Vec<String> = phases
            .iter()
            .map(|phase| {
                let steps = results.steps(corpus, peer, *phase);
                let figures: Vec<f64> = steps.iter().map(of).collect();
                Spread::of(&figures).map_or_else(|| "–".to_owned(), |spread| seconds(&spread))
            })
            .collect();
        let _ = writeln!(text, "| {peer} | {} |", cells.join(" | "));
    }
}

/// Three digits that count.
fn seconds(spread: &Spread) -> String {
    let digits = match spread.median {
        seconds if seconds >= 10.0 => 1,
        seconds if seconds >= 1.0 => 2,
        _ => 3,
    };
    let Spread {
        least,
        median,
        most,
    } = spread;
    format!("{median:.digits$} ({least:.digits$}–{most:.digits$})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judgement(corpus: &'static str, ratio: f64, verdict: Verdict) -> Judgement {
        Judgement {
            corpus,
            ours: ratio,
            theirs: 1.0,
            whose: "restic".to_owned(),
            ratio,
            verdict,
        }
    }

    #[test]
    fn a_goal_missed_anywhere_is_missed_and_says_by_how_much() {
        let one = judgement("small", 0.5, Verdict::Reached);
        let two = judgement("mixed", 0.9, Verdict::Missed(1.5));
        let three = judgement("random", 0.9, Verdict::Disturbed);
        assert_eq!(verdict(std::slice::from_ref(&one)), "reached");
        assert_eq!(
            verdict(&[one.clone(), three.clone()]),
            "reached; 1 disturbed, not judged"
        );
        assert_eq!(
            verdict(std::slice::from_ref(&three)),
            "disturbed, not judged"
        );
        assert_eq!(verdict(std::slice::from_ref(&two)), "missed by 1.50×");
        assert_eq!(
            verdict(&[one, two, three]),
            "missed on 1 of 3, most by 1.50× (mixed)"
        );
        assert_eq!(verdict(&[]), "not measured");
    }

    #[test]
    fn every_goal_stands_in_the_report_even_if_nothing_was_measured() {
        let text = markdown(&Results::default());
        let rows = text
            .lines()
            .filter(|line| line.ends_with("| not measured |"));
        assert_eq!(rows.count(), GOALS.len());
    }

    #[test]
    fn a_goal_says_whom_it_is_held_against() {
        let said: Vec<String> = GOALS.iter().map(wanted).collect();
        assert!(said.contains(&"stored ≤ 0.65 × the best peer".to_owned()));
        assert!(said.contains(&"rate ≥ 0.75 × what the primitives allow".to_owned()));
        assert!(said.contains(&"memory ≤ 96 MiB".to_owned()));
        assert!(said.contains(&"CPU ≤ 1.5 × `walk`".to_owned()));
    }
}
