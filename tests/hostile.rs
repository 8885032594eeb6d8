//! Folders that somebody else prepared: what they bring costs no more than it may.

mod folder;
mod memory;
mod outputs;
