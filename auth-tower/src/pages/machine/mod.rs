//! The accounts of programs and their keys, for administrators.

pub(super) mod own;
pub(super) mod service;
pub(super) mod services;
