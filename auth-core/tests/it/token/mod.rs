//! What the verifier accepts: the tokens that we issue, and nothing else.

mod confusion;
mod forge;
mod jwks;
mod keys;
mod matrix;
mod moving;
