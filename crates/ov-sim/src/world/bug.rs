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
    /// A keeper looks at the listing of its beginning when it looks again.
    KeeperLooksOnce,
    /// What keepers say is lost, and they are told that it was stored.
    CondemnLost,
    /// The agent's record is stored first, and its packs half a day later.
    PacksLandLate,
    /// An agent's record is lost, and it is told that it was stored.
    RecordLost,
    /// Keepers are shown half of the logs, without an error.
    ListingCutShort,
    /// The second target loses packs, and says that it stored them.
    CopyLosesPack,
    /// The clock of one keeper is a year ahead, where listings lag and it does not wait.
    OneClockAhead,
    /// Files change, and their times and numbers do not.
    ChangesUnseen,
    /// A bit of a pack flips while it is stored.
    StoredBitFlips,
    /// Under the name of a pack stand the bytes of another.
    PutSwapped,
    /// A deletion takes a record of an agent too.
    DeleteTakesRecord,
}

impl Bug {
    /// Whether it is nothing but weather in which the engine does not promise to be safe.
    pub fn is_weather(self) -> bool {
        matches!(self, Self::NoGraceUnderLag | Self::JumpsUnderLag)
    }

    /// All of them.
    pub const ALL: [Self; 26] = [
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
        Self::KeeperLooksOnce,
        Self::CondemnLost,
        Self::PacksLandLate,
        Self::RecordLost,
        Self::ListingCutShort,
        Self::CopyLosesPack,
        Self::OneClockAhead,
        Self::ChangesUnseen,
        Self::StoredBitFlips,
        Self::PutSwapped,
        Self::DeleteTakesRecord,
    ];
}
