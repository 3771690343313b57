//! A status for programs.

use jiff::Timestamp;
use ov_policy::forecast::{Forecast, Full, Interval};
use ov_policy::placement::{Judgement, Shortage, Site};
use serde_json::{Value, json};

use crate::status::{ANY, Dataset, Heard, Kit, Place, PlaceKind, Reach, Status, Worry};

impl Status {
    /// The document of `status --json`.
    pub fn document(&self) -> Value {
        let datasets = self.datasets.iter().map(|dataset| self.dataset(dataset));
        let agents = self.agents.iter().map(|agent| self.agent(agent));
        json!({
            "at": text(self.at),
            "vault": self.vault,
            "level": self.level().word(),
            "rule": self.rule.to_string(),
            "datasets": datasets.collect::<Vec<_>>(),
            "places": self.places.iter().map(place).collect::<Vec<_>>(),
            "agents": agents.collect::<Vec<_>>(),
            "kit": kit(self.kit),
            "worries": self.worries().iter().map(worry).collect::<Vec<_>>(),
        })
    }

    fn dataset(&self, dataset: &Dataset) -> Value {
        let name = &dataset.name;
        let short = match self.judge(name) {
            Judgement::Satisfied => Vec::new(),
            Judgement::Short(short) => short,
        };
        let vault = self
            .places
            .iter()
            .find(|place| place.kind == PlaceKind::Vault);
        let contents = vault.and_then(|vault| vault.contents.as_ref());
        // Not known where the key does not tell datasets apart.
        let contents = contents.filter(|there| !there.newest.contains_key(ANY));
        let success = dataset.past.good.map(|run| text(run.end));
        json!({
            "name": name,
            "newest": self.newest(name).map(text),
            "age_seconds": self.age(name),
            "rpo_seconds": dataset.rpo,
            "last_success": success,
            "last_failure": dataset.past.failed.filter(|_| dataset.failed()).map(|run| text(run.end)),
            "failures": dataset.past.failures,
            "cause": dataset.cause.filter(|_| dataset.failed()).map(|cause| cause.name()),
            "next_run": dataset.next.map(|next| text(next.at)),
            "accepted": contents.map(|there| there.accepted.get(name).copied().unwrap_or(0)),
            "waiting": contents.map(|there| there.waiting.get(name).copied().unwrap_or(0)),
            "copies_satisfied": short.is_empty(),
            "copies_short": short.iter().map(shortage).collect::<Vec<_>>(),
        })
    }

    fn agent(&self, agent: &Heard) -> Value {
        json!({
            "name": agent.name,
            "last": agent.last.map(text),
            "silence_seconds": agent.silence(self.at),
            "allowed_seconds": agent.allowed,
            "silent": agent.is_silent(self.at),
            "waiting": agent.waiting,
        })
    }
}

fn place(place: &Place) -> Value {
    let (reached, seen, why) = match &place.reach {
        Reach::Reached => (true, None, None),
        Reach::Unplugged { seen } => (false, *seen, None),
        Reach::Unreached { seen, why } => (false, *seen, Some(why.name())),
    };
    let contents = place.contents.as_ref();
    json!({
        "name": place.name,
        "kind": match place.kind {
            PlaceKind::Vault => "vault",
            PlaceKind::Copy { .. } => "copy",
        },
        "medium": place.medium,
        "site": match place.site {
            Site::Here => "here",
            Site::Away => "away",
        },
        "offline": place.offline,
        "reached": reached,
        "cause": why,
        "last_seen": seen.map(text),
        "grade": place.grade.map(|(grade, _)| grade.to_string()),
        "grade_at": place.grade.map(|(_, at)| text(at)),
        "last_check": place.checked.map(|checked| text(checked.at)),
        "check_errors": place.checked.map(|checked| checked.errors),
        "oldest_unverified": contents.and_then(|there| there.oldest_unverified).map(text),
        "newest": contents.and_then(|there| there.newest.values().max().copied()).map(text),
        "bytes": contents.map(|there| there.bytes),
        "free_bytes": place.free,
        "growth_month": place.outlook.map(|outlook| forecast(&outlook.month)),
        "growth_quarter": place.outlook.map(|outlook| forecast(&outlook.quarter)),
        "full_days": place.full().map(full),
    })
}

fn forecast(forecast: &Forecast) -> Value {
    let Interval { low, middle, high } = forecast.growth;
    json!({
        "low": low,
        "middle": middle,
        "high": high,
        "method": forecast.method.to_string(),
        "days": forecast.days,
        "points": forecast.points,
    })
}

fn full(full: Full) -> Value {
    json!({
        "soonest": full.soonest,
        "likely": full.likely,
        "latest": full.latest,
    })
}

fn kit(kit: Kit) -> Value {
    match kit {
        Kit::Tested(at) => json!({"tested": true, "at": text(at)}),
        Kit::Untested => json!({"tested": false, "at": null}),
        Kit::Elsewhere => json!({"tested": null, "at": null}),
    }
}

fn shortage(shortage: &Shortage) -> Value {
    json!({
        "what": shortage.to_string(),
        "advice": shortage.advice(),
    })
}

fn worry(worry: &Worry) -> Value {
    json!({
        "level": worry.level.word(),
        "about": worry.about,
        "what": worry.what,
        "advice": worry.advice,
    })
}

fn text(at: Timestamp) -> String {
    at.to_string()
}
