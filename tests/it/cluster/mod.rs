//! Several nodes on one Redis and one PostgreSQL.

mod across_nodes;
mod concurrency;
mod degradation;
mod outages;
mod polling;
mod presence;
mod shedding;
