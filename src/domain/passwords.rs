//! Password hashing: argon2id on a bounded blocking pool.

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{
        generate_salt,
        phc::{Output, ParamsString, PasswordHash, Salt},
    },
};
use parking_lot::Mutex;
use std::{fmt::Display, sync::Arc};

use super::blocking::Pool;
use crate::{
    config,
    model::{Error, Result, user::check_password},
};

/// OWASP's first choice for argon2id: 19 MiB, two passes, one lane. About 20 ms of a core.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const OUTPUT_BYTES: usize = 32;

/// A hash of nobody's password with the same cost: what unknown addresses are compared with, so that the time of the
/// answer does not tell whether an address has an account.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlz$bm8gcGFzc3dvcmQgaW4gdGhlIHdvcmxkIGlzIHRoaXM";

/// Hashes and verifies passwords; cheap to clone.
#[derive(Clone, Debug)]
pub struct Passwords {
    pool: Pool,
    memory: Memory,
}

/// The blocks that hashes are computed in, used again and again: 19 MiB that are freed on ever other threads end up as
/// ever other holes in the allocator's arenas, and a morning's log-ins as hundreds of megabytes.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<Vec<Block>>>>);

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory")
    }
}

impl Memory {
    /// Hashes `password`; as many buffers exist as hashes were ever computed at the same time.
    fn hash(&self, params: Params, password: &[u8], salt: &[u8]) -> Result<Output> {
        let failed = |cause: &dyn Display| Error::internal("passwords", cause);
        let mut blocks = self.0.lock().pop().unwrap_or_default();
        blocks.resize(params.block_count(), Block::default());
        let mut output = [0; OUTPUT_BYTES];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hashed = argon2.hash_password_into_with_memory(password, salt, &mut output, &mut blocks);
        self.0.lock().push(blocks);
        hashed.map_err(|cause| failed(&cause))?;
        Output::new(&output).map_err(|cause| failed(&cause))
    }
}

impl Passwords {
    /// Takes `hash_concurrency` and `hash_queue`.
    pub fn new(config: &config::Auth) -> Self {
        Self { pool: Pool::new("passwords", config.hash_concurrency, config.hash_queue), memory: Memory::default() }
    }

    /// The PHC string of a password, with a salt of its own.
    ///
    /// # Errors
    /// [`Error::PasswordTooShort`], [`Error::PasswordTooLong`]; [`Error::Unavailable`] when too many are waiting.
    pub async fn hash(&self, password: String) -> Result<String> {
        check_password(&password)?;
        let memory = self.memory.clone();
        self.pool.run(move || hash(&memory, password.as_bytes())).await?
    }

    /// Whether this is the password of that PHC string. Without one (there is no such account): `false`, after the same time.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when too many are waiting; [`Error::Internal`] if the stored string is damaged.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool> {
        let memory = self.memory.clone();
        self.pool.run(move || verify(&memory, &password, stored.as_deref())).await?
    }
}

fn hash(memory: &Memory, password: &[u8]) -> Result<String> {
    let failed = |cause: &dyn Display| Error::internal("passwords", cause);
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(OUTPUT_BYTES)).map_err(|cause| failed(&cause))?;
    let salt = generate_salt();
    let output = memory.hash(params.clone(), password, &salt)?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params).map_err(|cause| failed(&cause))?,
        salt: Some(Salt::new(&salt).map_err(|cause| failed(&cause))?),
        hash: Some(output),
    };
    Ok(hash.to_string())
}

fn verify(memory: &Memory, password: &str, stored: Option<&str>) -> Result<bool> {
    // Nobody has a password that sign-up would have refused; hashing megabytes would only cost us time.
    let possible = check_password(password).is_ok();
    let (password, stored, possible) = match stored {
        Some(stored) if possible => (password, stored, true),
        _ => ("", NOBODY, false),
    };
    let damaged = |cause: &dyn Display| Error::internal("passwords", format_args!("damaged hash: {cause}"));
    let stored = PasswordHash::new(stored).map_err(|cause| damaged(&cause))?;
    // The parameters are the stored hash's, so that old accounts stay when ours are raised.
    let params = Params::try_from(&stored).map_err(|cause| damaged(&cause))?;
    match (stored.algorithm == Algorithm::Argon2id.ident(), stored.salt, stored.hash) {
        (true, Some(salt), Some(expected)) if expected.len() == OUTPUT_BYTES => {
            // `Output` compares in constant time.
            Ok(memory.hash(params, password.as_bytes(), salt.as_ref())? == expected && possible)
        }
        _ => Err(damaged(&"not an argon2id hash of 32 bytes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::password_hash::PasswordVerifier;

    #[test]
    fn a_password_matches_its_own_hash_only() {
        let stored = hash(&Memory::default(), b"correct horse").unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_eq!(verify(&Memory::default(), "correct horse", Some(&stored)), Ok(true));
        assert_eq!(verify(&Memory::default(), "wrong horse", Some(&stored)), Ok(false));
        assert_eq!(verify(&Memory::default(), "", Some(&stored)), Ok(false));
        assert_ne!(stored, hash(&Memory::default(), b"correct horse").unwrap(), "each has a salt of its own");
    }

    #[test]
    fn our_hashes_are_what_the_library_reads_and_the_buffers_are_used_again() {
        let memory = Memory::default();
        for password in ["correct horse", "battery staple"] {
            let stored = hash(&memory, password.as_bytes()).unwrap();
            let stored = PasswordHash::new(&stored).unwrap();
            assert!(Argon2::default().verify_password(password.as_bytes(), &stored).is_ok());
        }
        assert_eq!(memory.0.lock().len(), 1);
    }

    #[test]
    fn nobody_has_no_password_and_costs_the_same() {
        for password in ["", "nobody", "correct horse"] {
            assert_eq!(verify(&Memory::default(), password, None), Ok(false));
        }
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let real = hash(&Memory::default(), b"correct horse").unwrap();
        let real = PasswordHash::new(&real).unwrap();
        assert_eq!((nobody.algorithm, nobody.version, &nobody.params), (real.algorithm, real.version, &real.params));
        assert_eq!(nobody.hash.map(|hash| hash.len()), real.hash.map(|hash| hash.len()));
    }

    #[test]
    fn a_damaged_hash_is_our_fault_and_not_a_wrong_password() {
        assert!(matches!(verify(&Memory::default(), "correct horse", Some("gibberish")), Err(Error::Internal(_))));
    }

    #[test]
    fn an_endless_password_is_not_hashed() {
        let stored = hash(&Memory::default(), b"correct horse").unwrap();
        assert_eq!(verify(&Memory::default(), &"x".repeat(5_000_000), Some(&stored)), Ok(false));
    }
}
