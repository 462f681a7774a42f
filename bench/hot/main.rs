//! Microbenchmarks of what runs for each message: `make bench-hot`.
//!
//! They compare one state of the sources with another on the same machine; what a message costs in all is `make bench`'s
//! to say.

#![expect(
    clippy::disallowed_methods,
    reason = "what a benchmark starts ends with it, and its environment says where servers are"
)]

mod envelope;
mod sockets;
mod token;
mod world;
mod writer;

fn main() {
    divan::main();
}
