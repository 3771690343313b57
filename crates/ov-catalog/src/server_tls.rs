//! TLS to a database server: the system's certificates, or those of a file.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::CatalogError;

/// Connects with these authorities' certificates, or with those that the system trusts.
pub(crate) fn connector(ca_file: Option<&Path>) -> Result<MakeRustlsConnect, CatalogError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(CatalogError::Tls)?;
    let builder = match ca_file {
        None => builder
            .with_platform_verifier()
            .map_err(CatalogError::Tls)?,
        Some(file) => builder.with_root_certificates(roots(file)?),
    };
    Ok(MakeRustlsConnect::new(builder.with_no_client_auth()))
}

fn roots(file: &Path) -> Result<RootCertStore, CatalogError> {
    let failed = |why: String| CatalogError::Authorities {
        path: file.to_owned(),
        why,
    };
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file);
    for certificate in certificates.map_err(|error| failed(error.to_string()))? {
        let certificate = certificate.map_err(|error| failed(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| failed(error.to_string()))?;
    }
    match roots.is_empty() {
        true => Err(failed("there is no certificate in it".to_owned())),
        false => Ok(roots),
    }
}
