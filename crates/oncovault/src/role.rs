//! Roles, as the command line says them.

use clap::ValueEnum;
use ov_format::statement::Role;

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleArg {
    /// Writes snapshots, reads nothing.
    Agent,
    /// Accepts, checks, forgets, prunes and copies; reads nothing.
    Keeper,
    /// Restores.
    Reader,
    /// Reads logs and evidence.
    Auditor,
    /// Appoints members and makes compartments; opens everything.
    Admin,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Agent => Self::Agent,
            RoleArg::Keeper => Self::Keeper,
            RoleArg::Reader => Self::Reader,
            RoleArg::Auditor => Self::Auditor,
            RoleArg::Admin => Self::Admin,
        }
    }
}
