//! Bugs planted into the protocol. The search must find each, but for the one marked harmless.

/// A step left out or weakened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The agent says "done" without listing again.
    NoLookAfterCommit,
    /// The agent lists again *before* its commit is durable.
    LookBeforeCommit,
    /// The agent says "done" before its commit is durable.
    DoneBeforeCommit,
    /// The agent, looking again, ignores drops of frames that it already knew.
    SeenDropsForgiven,
    /// The agent uses dropped frames; it looks again only for its own packs.
    DroppedFramesUsed,
    /// The agent takes over packs of a dead run without asking whether their frames were dropped.
    PackAloneTakenOver,
    /// The condemn of an unnamed pack takes no frames from agents.
    WholeDropsNothing,
    /// The condemn names its pack, but drops nothing.
    DropListOmitted,
    /// The keeper deletes without a second listing.
    NoLookAfterCondemn,
    /// The keeper looks again, but rescues nothing.
    RescueSkipped,
    /// The keeper deletes right after a rescue, without listing again. Harmless: whoever condemns
    /// the rescuing pack sees that the old one is condemned.
    NoLookAfterRescue,
    /// The keeper rescues what roots use, but not what agents may still use.
    PromiseIgnored,
    /// The keeper counts condemned packs as places.
    CondemnedCounts,
    /// The keeper counts packs as places that another keeper condemned.
    OthersCondemnedCounts,
    /// Drops of a condemn younger than the grace end a promise.
    YoungDropsCount,
    /// The keeper keeps only what accepted commits use.
    UnacceptedIgnored,
    /// The keeper accepts on condemned packs.
    AcceptCountsCondemned,
    /// The keeper takes a commit for late at once when a place of it is deleted.
    LateAtOnce,
    /// The keeper takes a commit for late that the storage damaged.
    DamageIsLate,
    /// The keeper gives a late commit up before it has a successor.
    GivenUpAtOnce,
    /// The copier accepts first and looks then.
    CopyAcceptsFirst,
    /// The copier puts a condemned pack again.
    CondemnedPackPutAgain,
}
