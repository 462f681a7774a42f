//! What operators see: health, metrics, start-up, drain, the command line.

mod check_config;
mod commands;
mod doctor;
mod embedded;
mod health;
mod person;
mod process;
mod schema;
mod traces;
