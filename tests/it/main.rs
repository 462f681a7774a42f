//! What hubbub does, told as stories of several people. Real nodes in this process, on real databases and a real Redis.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall stop where it is")]
#![expect(clippy::disallowed_methods, reason = "tests spawn what they wait for")]

mod support;

mod cluster;
mod ops;
mod random;
mod realtime;
mod rest;
