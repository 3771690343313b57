//! Bugs planted around the engine. The world must find each.

/// A mistake that somebody could have made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bug {
    /// A put returns before the bytes are on the medium.
    AckBeforeDurable,
    /// A put writes over another object.
    PutOverwrites,
    /// A put stores half and says that all is well.
    TornPutAccepted,
    /// A deletion does nothing and says that all is well.
    DeleteLies,
    /// A deletion takes another object too.
    DeleteTakesNeighbour,
    /// The target loses an object without a word.
    ObjectLost,
    /// An agent that failed says "done" all the same.
    FailureIsDone,
    /// An agent looks at the listing of its beginning when it looks again.
    AgentLooksOnce,
    /// Agents do not see what keepers say.
    DropsHidden,
    /// Keepers see agents' records only after a day.
    KeeperSeesLate,
    /// Keepers do not see one agent's log.
    AgentHidden,
    /// Keepers do not see what other keepers say, so packs that those condemned count as places.
    OtherKeeperHidden,
    /// Keepers have no grace where listings lag.
    NoGraceUnderLag,
    /// Clocks jump where listings lag.
    JumpsUnderLag,
    /// Snapshots are forgotten that nobody asked to forget.
    ForgottenUnasked,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::AckBeforeDurable,
        Self::PutOverwrites,
        Self::TornPutAccepted,
        Self::DeleteLies,
        Self::DeleteTakesNeighbour,
        Self::ObjectLost,
        Self::FailureIsDone,
        Self::AgentLooksOnce,
        Self::DropsHidden,
        Self::KeeperSeesLate,
        Self::AgentHidden,
        Self::OtherKeeperHidden,
        Self::NoGraceUnderLag,
        Self::JumpsUnderLag,
        Self::ForgottenUnasked,
    ];
}
