//! The contract over every kind of target, and what is special about each.

mod folder;
mod seaweed;
mod suite;
