//! TLS: one provider of cryptography for every client in the process, ring.

/// Makes ring the process's provider. Harmless when one is installed already.
pub fn install() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
