//! The key that signs tokens when nobody configured one: made once, kept beside the database.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use super::auth::MIN_SECRET_BYTES;

/// The file's name in the data folder.
pub const FILE: &str = "jwt-secret";

/// Reads the secret of a data folder, or makes it (384 random bits, mode 0600). Several processes that start at once
/// in one folder get the same secret: each writes its own under a private name, and linking it to the final name succeeds for
/// one of them only. A half-written secret is never seen under the final name.
///
/// # Errors
/// If the folder can't be written, or the file there is too short to be a secret or readable by others.
pub fn load_or_create(folder: &Path) -> io::Result<String> {
    let path = folder.join(FILE);
    match read(&path) {
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => {}
        read => return read,
    }
    fs::create_dir_all(folder)?;
    let draft = folder.join(format!("{FILE}.{:032x}", rand::random::<u128>()));
    let secret = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 48]>());
    let linked = write(&draft, &secret).and_then(|()| fs::hard_link(&draft, &path));
    // The draft is only a stepping stone: whether linking worked or not, nobody needs it any more.
    let removed = fs::remove_file(&draft);
    match linked {
        Err(lost_race) if lost_race.kind() == io::ErrorKind::AlreadyExists => {}
        linked => linked.and(removed)?,
    }
    read(&path)
}

fn write(path: &Path, secret: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(secret.as_bytes())?;
    file.sync_all()
}

fn read(path: &Path) -> io::Result<String> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", path.display()));
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(wrong("is accessible to others: whoever reads it can sign in as anybody; set its mode to 0600"));
    }
    let secret = fs::read_to_string(path)?.trim().to_owned();
    if secret.len() < MIN_SECRET_BYTES {
        return Err(wrong("is shorter than 32 bytes; remove it to have a new one made (everybody must log in again)"));
    }
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_kept_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let made = load_or_create(&data).unwrap();
        assert!(made.len() >= 64);
        assert_eq!(load_or_create(&data).unwrap(), made);
        let mode = fs::metadata(data.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1, "no draft is left behind");
    }

    #[test]
    fn processes_that_start_at_once_agree_on_one_secret() {
        let folder = tempfile::tempdir().unwrap();
        let secrets: Vec<String> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| load_or_create(folder.path()).unwrap())).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
    }

    #[test]
    fn a_secret_that_others_can_read_or_that_is_too_short_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        fs::write(&path, "x".repeat(64)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(load_or_create(folder.path()).unwrap_err().to_string().contains("0600"));
        fs::write(&path, "short").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(load_or_create(folder.path()).unwrap_err().to_string().contains("32 bytes"));
    }
}
