//! A dead-man's check: an agent of which nothing was heard for longer than the policy allows.
//!
//! It looks at arrivals alone, which a keeper notes by its own clock. So whatever keeps an agent
//! from its work, be it a power cut or a burglar, shows at the other end.

use jiff::Timestamp;
use ov_format::id::MemberId;
use ov_policy::Period;
use ov_vault::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Name, Worded};

/// An agent that a keeper watches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Watch {
    /// How it is called in messages.
    pub name: Worded<Name>,
    /// Its member id, as `oncovault key list` shows it; its beginning is enough.
    pub agent: Worded<AgentId>,
    /// How old its newest snapshot may become.
    pub rpo: Worded<Period>,
    /// How much longer is waited before somebody is told.
    #[serde(default = "hour")]
    pub grace: Worded<Period>,
}

fn hour() -> Worded<Period> {
    Period::from_minutes(60).into()
}

/// The id of a member, or its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentId(String);

/// A text that is no beginning of an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no id of a member: write at least 6 of its digits, 0-9 and a-f")]
pub struct AgentIdError(String);

impl AgentId {
    const DIGITS_MIN: usize = 6;

    /// Whether the member may be meant.
    pub fn means(&self, member: &MemberId) -> bool {
        member.to_string().starts_with(&self.0)
    }
}

impl std::str::FromStr for AgentId {
    type Err = AgentIdError;

    fn from_str(text: &str) -> Result<Self, AgentIdError> {
        let digits = text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match digits && text.len() >= Self::DIGITS_MIN {
            true => Ok(Self(text.to_owned())),
            false => Err(AgentIdError(text.to_owned())),
        }
    }
}

impl std::fmt::Display for AgentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What was heard of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// How it is called.
    pub name: String,
    /// When its newest snapshot arrived.
    pub last: Option<Timestamp>,
    /// How long it may be silent, in seconds.
    pub allowed: u64,
    /// Snapshots of it that wait for a keeper to accept them.
    pub waiting: u64,
}

impl Heard {
    /// For how many seconds nothing was heard; `None` if nothing ever was.
    pub fn silence(&self, now: Timestamp) -> Option<u64> {
        let ago = |last: Timestamp| now.as_second().saturating_sub(last.as_second());
        self.last.map(|last| u64::try_from(ago(last)).unwrap_or(0))
    }

    /// Whether it fell silent.
    pub fn is_silent(&self, now: Timestamp) -> bool {
        self.silence(now)
            .is_none_or(|seconds| seconds > self.allowed)
    }
}

/// What was heard of the agents that are watched. Checkpoints of a run under way count: whoever
/// sends them is alive. So do forgotten snapshots: they arrived.
pub fn heard(watches: &[Watch], state: &State, now: Timestamp) -> Vec<Heard> {
    let of = |watch: &Watch| {
        let mut heard = Heard {
            name: watch.name.to_string(),
            last: None,
            allowed: seconds(watch.rpo.value()).saturating_add(seconds(watch.grace.value())),
            waiting: 0,
        };
        for commit in state.commits.values() {
            if !watch.agent.means(&commit.name.log.member) {
                continue;
            }
            // What no keeper has seen yet is here now; its own clock tells no later moment.
            let time = commit.arrival.unwrap_or(commit.time).seconds;
            heard.waiting += u64::from(commit.arrival.is_none());
            let moment = Timestamp::from_second(time.min(now.as_second())).ok();
            heard.last = heard.last.max(moment);
        }
        heard
    };
    watches.iter().map(of).collect()
}

fn seconds(period: &Period) -> u64 {
    u64::try_from(period.seconds()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use ov_format::entry::Time;
    use ov_format::id::{InstanceId, ObjectHash, TargetId};
    use ov_format::name::{LogId, RecordName};
    use ov_vault::state::{Commit, Verdict};

    use super::*;

    const NOW: i64 = 1_795_000_000;
    const HOUR: i64 = 3_600;

    fn now() -> Timestamp {
        Timestamp::from_second(NOW).unwrap()
    }

    fn time(seconds: i64) -> Time {
        Time { seconds, nanos: 0 }
    }

    fn commit(member: u8, number: u64, said: i64, arrival: Option<i64>) -> Commit {
        let log = LogId {
            member: MemberId([member; MemberId::BYTES]),
            target: TargetId([0; TargetId::BYTES]),
        };
        let hash = ObjectHash([u8::try_from(number).unwrap(); 32]);
        Commit {
            name: RecordName { log, number, hash },
            time: time(said),
            instance: InstanceId([0; InstanceId::BYTES]),
            packs: Vec::new(),
            tables: Vec::new(),
            partial: false,
            arrival: arrival.map(time),
            stored_bytes: None,
            verdict: Verdict::Open,
            forgotten: false,
        }
    }

    fn state(commits: impl IntoIterator<Item = Commit>) -> State {
        State {
            commits: commits.into_iter().map(|one| (one.name, one)).collect(),
            ..State::default()
        }
    }

    fn watch() -> Watch {
        Watch {
            name: "linac".parse::<Name>().unwrap().into(),
            agent: "010101".parse::<AgentId>().unwrap().into(),
            rpo: "24h".parse::<Period>().unwrap().into(),
            grace: "2h".parse::<Period>().unwrap().into(),
        }
    }

    fn judged(commits: impl IntoIterator<Item = Commit>) -> (bool, Option<u64>) {
        let heard = heard(&[watch()], &state(commits), now()).remove(0);
        (heard.is_silent(now()), heard.silence(now()))
    }

    #[test]
    fn an_agent_is_silent_after_its_rpo_and_grace_and_not_before() {
        let ago = |hours: i64, seconds: i64| {
            let arrival = NOW - hours * HOUR - seconds;
            judged([commit(1, 1, arrival, Some(arrival))])
        };
        assert_eq!(ago(26, 0), (false, Some(93_600)));
        assert_eq!(ago(26, 1), (true, Some(93_601)));
    }

    #[test]
    fn another_agent_does_not_speak_for_it_and_never_is_silent_too() {
        assert_eq!(judged([commit(2, 1, NOW, Some(NOW))]), (true, None));
        assert_eq!(judged([]), (true, None));
    }

    #[test]
    fn the_keepers_clock_counts_and_not_the_agents() {
        let early = commit(1, 1, NOW - 400 * HOUR, Some(NOW - HOUR));
        assert_eq!(judged([early]), (false, Some(3_600)));
        let ahead = commit(1, 1, NOW + 400 * HOUR, Some(NOW - 30 * HOUR));
        assert!(judged([ahead]).0);
    }

    #[test]
    fn what_waits_to_be_accepted_was_heard_but_never_in_the_future() {
        let waiting = commit(1, 1, NOW + 9 * HOUR, None);
        let heard = heard(&[watch()], &state([waiting]), now()).remove(0);
        assert_eq!((heard.waiting, heard.silence(now())), (1, Some(0)));
    }

    #[test]
    fn an_id_is_given_by_six_digits_or_more() {
        for bad in ["", "01010", "0101zz", "0101 01", "ABCDEF"] {
            assert!(bad.parse::<AgentId>().is_err(), "{bad}");
        }
    }
}
